"""What the doctor finds on this machine."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from loop.installation import checks_machine as checks_here
from loop.installation.findings import Level
from loop.installation.status import status
from loop.installation.upkeep import part_states
from loop.installation.upkeep.part_states import PartState
from loop.job_queue.job_list import JobState, QueuedJob
from loop.settings import Settings
from loop.wiring import build
from tests.installation.builders import unwell
from tests.installation.fakes import Answering
from tests.swap import swap


def test_a_web_part_that_is_not_there_is_told(patient):
    assert (
        "loop up"
        in unwell(swap(patient, (patient.studio.backend, Answering(patient.studio.backend, answers=False))))[
            "web"
        ].advice
    )


@pytest.mark.parametrize(
    ("field", "value", "check"),
    [
        ("workers_found", {"default": 1}, "workers gpu"),
        ("waiting_since", datetime(2026, 1, 1, tzinfo=UTC), "queue age"),
        ("swept", timedelta(minutes=5), "schedule"),
        ("swept", None, "schedule"),
    ],
)
def test_jobs_that_nobody_does_are_told(patient, field, value, check):
    setattr(patient.queue, field, value)

    assert list(unwell(patient)) == [check]


def test_a_job_that_failed_is_told_with_its_last_line(patient):
    trace = "Traceback\nUpstreamError: no key for Label Studio: set LABEL_STUDIO_API_KEY\n"
    states = {"sync-1": JobState.FAILED, "refresh-1": JobState.WAITING}
    patient.queue.listed = [
        QueuedJob(name, name.partition("-")[0], 1, "default", state, None, None, error=trace)
        for name, state in states.items()
    ]

    finding = unwell(patient)["failed jobs"]

    assert finding.level == Level.WARNING
    assert finding.found == "sync-1; sync-1: UpstreamError: no key for Label Studio: set LABEL_STUDIO_API_KEY"


def test_parts_that_are_starting_are_no_fault(patient, monkeypatch):
    door = Answering(patient.studio.backend, answers=False)
    patient.queue.workers_found, patient.queue.swept = {}, None
    names = ("web", "worker-gpu", "worker-default-1", "schedule")
    starting = {name: PartState("refused", 0, "", "", is_starting=True) for name in names}
    monkeypatch.setattr(part_states, "read", lambda home: starting)

    findings = unwell(swap(patient, (patient.studio.backend, door)))

    assert {finding.level for finding in findings.values()} == {Level.UNDER_WAY}
    expected = {"web", "workers gpu", "workers default", "schedule", *(f"part {name}" for name in names)}
    assert set(findings) == expected
    assert all("starting" in finding.found for finding in findings.values())


def test_workers_and_jobs_are_counted_in_plain_words(patient):
    found = [finding.found for finding in checks_here.redis(patient.installation)]
    parts = status(patient.installation).parts

    assert found == ["answers", "1 worker listening, 0 jobs waiting", "2 workers listening, 0 jobs waiting"]
    assert (parts["queue gpu"], parts["queue default"]) == ("1 worker, 0 jobs waiting", "2 workers, 0 jobs waiting")
    assert parts["milvus"].startswith(f"a socket in {patient.installation.machine.home}/milvus ")


def test_a_redis_that_is_down_is_told(patient, rooms, tmp_path):
    down = build(Settings.read({"LOOP_HOME": str(tmp_path / "x"), "LOOP_REDIS_URL": f"unix://{tmp_path}/none.sock"}))

    findings = unwell(swap(patient, (patient.queue, down.queue)))

    assert {"redis", "queue age", "schedule"} <= set(findings)
    assert "LOOP_REDIS_URL" in findings["redis"].advice
    down.close()


def test_little_space_is_told(patient, monkeypatch):
    monkeypatch.setattr(checks_here, "VERY_LITTLE", 2**60)
    monkeypatch.setattr(checks_here, "LITTLE", 2**60)

    assert unwell(patient)["disk"].level == Level.WRONG


def test_records_of_another_revision_are_told(patient):
    with patient.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))

    assert "migrates" in unwell(patient)["records"].advice


@pytest.mark.sqlite
@pytest.mark.parametrize("file", ["loop.sqlite3", "loop-events.sqlite3"], ids=["records", "events"])
def test_damaged_records_are_told(patient, settings, file):
    patient.reviews.events.append(1, "ANNOTATION_CREATED", {})
    engine = patient.engine if file == "loop.sqlite3" else patient.reviews.events.engine
    engine.dispose()
    path = settings.home / file
    with engine.connect() as connection:
        connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)"))
    engine.dispose()
    content = bytearray(path.read_bytes())
    content[8192 : 8192 + 4096] = b"\xff" * 4096
    path.write_bytes(content)

    findings = unwell(patient)

    assert findings["records"].level == Level.WRONG


def test_an_installation_without_records_is_told_and_raises_nothing(tmp_path):
    empty = build(Settings.read({"LOOP_HOME": str(tmp_path / "new"), "LABEL_STUDIO_URL": "http://127.0.0.1:9"}))

    findings = unwell(empty, seconds=5)

    assert {"token", "records", "projects", "web", "redis"} <= set(findings)
    empty.close()
