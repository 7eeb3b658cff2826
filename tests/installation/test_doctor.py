"""What the doctor finds, and that nothing raises out of it."""

import io
import json
import threading
import time

import pytest
from rich.console import Console
from typer.testing import CliRunner

from loop.cli import screen
from loop.cli.tree import app
from loop.installation.doctor import doctor
from loop.installation.findings import Level, ok, redact_finding, wrong
from tests.builders import CONFIG
from tests.installation.builders import unwell


def test_of_a_healthy_installation_all_is_well(patient):
    assert unwell(patient) == {}


def test_a_label_studio_that_hangs_costs_seconds(patient):
    patient.studio.client.wait = 30
    began, before = time.monotonic(), {*threading.enumerate()}  # other tests of this process may have left threads

    findings = unwell(patient, seconds=0.5)

    assert time.monotonic() - began < 3
    assert all(thread.daemon for thread in {*threading.enumerate()} - before)
    assert "no answer within 0.5 s" in findings["token"].found


def test_a_check_that_raises_is_a_finding_and_the_others_go_on(patient):
    patient.studio.client.backends = None

    finding_of = {one.check: one for one in doctor(patient.installation)}

    assert finding_of["backend"].level == Level.WRONG
    assert finding_of["webhook"].level == Level.OK


def test_a_project_that_was_never_connected_is_told(patient):
    assert unwell(patient, project_id=9)["project"].project == 9


def test_each_of_two_projects_is_looked_at(patient):
    patient.studio.projects.save(2, "More cars", CONFIG)

    assert {one.project for one in doctor(patient.installation)} == {None, 1, 2}
    assert {one.project for one in doctor(patient.installation, 1)} == {None, 1}


def test_no_secret_is_ever_printed(patient):
    patient.studio.client.key = "5ec3e7" * 7
    patient.studio.client.hooks[0]["headers"]["X-Loop-Secret"] = "hidden"
    out = Console(file=io.StringIO(), width=200)

    findings = doctor(patient.installation)
    screen.show_findings(out, findings)
    output = out.file.getvalue() + json.dumps(screen.findings_json(findings))

    for secret in (patient.studio.client.key, "hidden", patient.studio.backend.secret_of(1)):
        assert secret not in output


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (
            "https://b.example/a.jpg?X-Amz-Signature=abc&part=1: HTTP 403",
            "https://b.example/a.jpg?X-Amz-Signature=[redacted]&part=1: HTTP 403",
        ),
        ("redis://loop:pa55@host:6379 did not answer", "redis://[redacted]@host:6379 did not answer"),
        ("/data/local-files/?d=a@b/c.jpg", "/data/local-files/?d=a@b/c.jpg"),
    ],
)
def test_passwords_and_signatures_in_addresses_are_left_out(address, shown):
    assert redact_finding(wrong("x", address, address)) == wrong("x", shown, shown)


def run(monkeypatch, environment, *arguments):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return CliRunner().invoke(app, ["doctor", *arguments])


def test_the_command_fails_where_something_is_wrong(monkeypatch, tmp_path):
    environment = {
        "LOOP_HOME": str(tmp_path),
        "LABEL_STUDIO_URL": "http://127.0.0.1:9",
        "LABEL_STUDIO_API_KEY": "k" * 40,
    }

    done = run(monkeypatch, environment, "--json")

    assert done.exit_code == 1
    assert {"token", "records"} & {one["check"] for one in json.loads(done.stdout)}


def test_a_setting_that_cannot_be_read_is_a_finding_too(monkeypatch, tmp_path):
    done = run(monkeypatch, {"LOOP_HOME": str(tmp_path), "LOOP_PORT": "many"})

    assert done.exit_code == 1
    assert "LOOP_PORT" in done.output


def test_all_well_is_told_in_one_line():
    out = Console(file=io.StringIO(), width=100, markup=False)

    screen.show_findings(out, [ok("disk", "5 GB free [all]")])

    assert "5 GB free [all]" in out.file.getvalue()
    assert out.file.getvalue().strip().endswith("1 ok, 0 under way, 0 warning, 0 wrong")
