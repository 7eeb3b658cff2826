"""What a person may do with versions, whatever the gate said: promote, compare, read the report."""

import io
import json

import pytest
from rich.console import Console
from typer.testing import CliRunner

from loop.cli.answers.comparison import name_promotion, show_comparison
from loop.cli.tree import app
from loop.errors import NotPassed, UnknownReport, UnknownSnapshot, UnknownVersion
from loop.gate.compare import compare
from loop.gate.promote_by_hand import promote_by_hand
from loop.registry.moves import CHAMPION
from loop.registry.promote import pin, unpin
from tests.gate.builders import BAD, GOOD, OLD, add, serve


def run_command(rooms, *arguments):
    environment = {"LOOP_HOME": str(rooms.installation.machine.home), "LABEL_STUDIO_API_KEY": "k"}
    return CliRunner().invoke(app, ["models", *arguments, "--project", "1"], env=environment)


@pytest.mark.parametrize(
    ("why", "is_forced"),
    [
        pytest.param("I like it", False, id="a-reason-alone"),
        pytest.param(None, True, id="force-alone"),
        pytest.param(" ", True, id="force-and-a-blank-reason"),
    ],
)
def test_a_refused_version_serves_only_when_forced_with_a_reason(judged, why, is_forced):
    rooms, training = judged(champion=GOOD, candidate=BAD)

    with pytest.raises(NotPassed, match="the gate refused it"):
        promote_by_hand(rooms.gate, 1, training.version, why, is_forced=is_forced)

    promote_by_hand(rooms.gate, 1, training.version, "I like it", is_forced=True)
    assert rooms.registry.versions.champion(1).name == training.version


@pytest.mark.parametrize(("candidate", "forced"), [(BAD, " --force --why …"), (GOOD, "")], ids=["refused", "passed"])
def test_the_command_that_lets_a_compared_version_serve_says_whether_it_must_be_forced(judged, candidate, forced):
    rooms, training = judged(champion=BAD if candidate == GOOD else GOOD, candidate=candidate)

    named = name_promotion(rooms.gate, 1, training.version)

    assert named == f"loop models promote {training.version} --project 1{forced}"


def test_a_version_that_served_before_may_always_serve_again(judged):
    rooms, training = judged(champion=GOOD, candidate=BAD)
    first = rooms.registry.versions.champion(1)
    promote_by_hand(rooms.gate, 1, training.version, "I like it", is_forced=True)

    assert promote_by_hand(rooms.gate, 1, first.name, None) == first
    assert promote_by_hand(rooms.gate, 1, training.version, None).name == training.version


def test_a_version_that_the_gate_never_saw_needs_a_reason(rooms, tmp_path):
    foreign = add(rooms, tmp_path, b"foreign")

    with pytest.raises(NotPassed, match="never judged"):
        promote_by_hand(rooms.gate, 1, foreign.name, "by hand")


@pytest.fixture
def passed(judged, rooms, tmp_path):
    """The rooms and the name of a version that passed the gate and never served, as the project was pinned."""
    serve(rooms, add(rooms, tmp_path, OLD))
    pin(rooms.registry, 1, "1.0.0", "a test")
    rooms, training = judged()
    unpin(rooms.registry, 1, "by hand")
    assert training.status == "passed"
    return rooms, training.version


def test_a_version_that_passed_the_gate_of_a_pinned_project_needs_no_force_later(passed):
    rooms, name = passed

    assert promote_by_hand(rooms.gate, 1, name, None).name == name


@pytest.mark.parametrize("content", [None, "", "{}", "[]", "null", '{"outcome": null}'])
def test_without_its_report_a_version_that_passed_must_be_forced(passed, content):
    rooms, name = passed
    _, plain = rooms.gate.reports.find(1, name)
    plain.unlink() if content is None else plain.write_text(content)

    with pytest.raises(NotPassed, match="or its report is gone"):
        promote_by_hand(rooms.gate, 1, name, "by hand")


def test_the_reason_is_kept_with_the_move(judged):
    rooms, training = judged(champion=GOOD, candidate=BAD)

    promote_by_hand(rooms.gate, 1, training.version, "the old one is too slow", is_forced=True)

    with rooms.engine.connect() as connection:
        move = connection.exec_driver_sql("select alias, why from moves order by id desc").first()
    assert tuple(move) == (CHAMPION, "the old one is too slow")


def test_the_command_refuses_what_the_gate_refused(judged):
    rooms, training = judged(champion=GOOD, candidate=BAD)

    done = run_command(rooms, "promote", training.version, "--why", "please")

    assert isinstance(done.exception, NotPassed)
    assert rooms.registry.versions.champion(1).name != training.version


def test_the_command_prints_where_the_report_is_and_the_report(judged):
    rooms, training = judged()
    html, _ = rooms.gate.reports.find(1, training.version)

    assert run_command(rooms, "report", training.version).output.strip() == str(html)
    assert json.loads(run_command(rooms, "report", training.version, "--json").output)["outcome"] == "promoted"


def test_there_is_no_report_of_a_version_that_was_never_judged(rooms, tmp_path):
    version = add(rooms, tmp_path, OLD)

    with pytest.raises(UnknownReport, match="never judged"):
        rooms.gate.reports.find(1, version.name)


def test_any_two_versions_are_compared_and_nothing_is_promoted(judged):
    rooms, training = judged(champion=GOOD, candidate=BAD)
    champion = rooms.registry.versions.champion(1)

    report = compare(rooms.gate, 1, training.version, champion.name)

    assert report.comparison.overall.lead > 0
    assert report.ruling is None
    assert rooms.registry.versions.champion(1) == champion


def test_a_snapshot_is_named_by_the_start_of_its_hash(judged, snapshot):
    rooms, training = judged()

    report = compare(rooms.gate, 1, training.version, training.version, snapshot.hash[:8])

    assert report.snapshot == snapshot.hash
    with pytest.raises(UnknownSnapshot, match="beef"):
        compare(rooms.gate, 1, training.version, training.version, "beef")


def test_a_comparison_of_what_is_not_there_names_it(rooms, tmp_path):
    with pytest.raises(UnknownVersion):
        compare(rooms.gate, 1, "7.0.0", "8.0.0")

    name = add(rooms, tmp_path, OLD).name
    with pytest.raises(UnknownSnapshot, match="no snapshot yet"):
        compare(rooms.gate, 1, name, name)


def test_a_comparison_is_shown_as_a_table(judged):
    rooms, training = judged()
    out = io.StringIO()

    show_comparison(Console(file=out, width=120), compare(rooms.gate, 1, "1.0.0", training.version))

    assert "Cattle" in out.getvalue()
    assert "95% interval" in out.getvalue()
