"""What the gate's ruling does to a training, its version and its report."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console
from typer.testing import CliRunner

from loop import dataset_folder, screen
from loop.cli import app
from loop.compare import compare
from loop.errors import NotPassed, UnknownReport, UnknownSnapshot, UnknownVersion
from loop.registry import CHAMPION, Facts
from loop.retrain import promote_by_hand, retrain
from loop.snapshots import LabelledImage
from loop.splits import Side
from loop.status import status
from loop.training_log import State
from scripts.planted import harmed
from tests.builders import picture, region
from tests.evaluations import evaluation
from tests.fakes import PlantedDetectors

GOOD = evaluation(12)
BAD = harmed(GOOD, 0.7, seed=1)
OLD, NEW = b"champion", b"candidate"


@pytest.fixture
def snapshot(parts, tmp_path):
    """A dataset of 12 held-out images, named as the evaluations name theirs, and one to train on."""
    return written(parts, tmp_path, 12)


def written(parts, tmp_path, held_out):
    (tmp_path / "image.jpg").write_bytes(picture())
    sides = [Side.HELD_OUT] * held_out + [Side.TRAIN]
    items = [LabelledImage(number, "", (region(),), side) for number, side in enumerate(sides)]
    return dataset_folder.write(parts.snapshots / "1", items, ["Car"], lambda _: tmp_path / "image.jpg")


@pytest.fixture
def judged(parts, snapshot, tmp_path):
    """Have a training judged that was cut off after its candidate was registered; return the parts and the training."""

    def run(champion=BAD, candidate=GOOD, *, least_images=10, **more):
        gate = replace(parts.policies.gate, least_images=least_images)
        detectors = PlantedDetectors({OLD: champion, NEW: candidate}, **more)
        known = replace(parts, detectors=detectors, policies=replace(parts.policies, gate=gate))
        if parts.registry.champion(1) is None:
            serve(known, added(known, tmp_path, OLD))
        training = known.trainings.ask(1, "a test")
        known.trainings.note(training.id, snapshot=snapshot.hash, version=added(known, tmp_path, NEW, snapshot).name)
        retrain(known, 1)
        return known, known.trainings.last(1)[0]

    return run


def added(parts, tmp_path, weights, snapshot=None):
    (tmp_path / "weights.pt").write_bytes(weights)
    return parts.registry.add(1, tmp_path / "weights.pt", Facts(snapshot=snapshot.hash if snapshot else None))


def serve(parts, version):
    parts.registry.promote(1, version.name, "a test")


def run_command(parts, *arguments):
    environment = {"LOOP_HOME": str(parts.snapshots.parent), "LABEL_STUDIO_API_KEY": "k"}
    return CliRunner().invoke(app, ["models", *arguments, "--project", "1"], env=environment)


def test_a_better_candidate_serves(judged):
    parts, training = judged()

    assert training.state is State.PROMOTED
    assert parts.registry.champion(1).name == training.version
    assert "95% interval +" in training.report["gate"]["reason"]


def test_a_worse_candidate_does_not_serve_and_its_report_is_kept(judged):
    parts, training = judged(champion=GOOD, candidate=BAD)

    assert training.state is State.REFUSED
    assert parts.registry.champion(1).name != training.version
    html, plain = parts.reports.find(1, training.version)
    assert "not shown to be better" in json.loads(plain.read_text())["reason"]
    assert "Refused" in html.read_text()


def test_with_too_little_to_tell_a_person_is_asked(judged):
    parts, training = judged(least_images=13)

    assert training.state is State.HELD
    assert parts.registry.champion(1).name != training.version
    assert parts.reports.find(1, training.version)


def test_the_status_says_what_to_do_about_a_held_candidate_until_it_is_done(judged):
    parts, training = judged(least_images=13)

    before = shown(parts)
    promote_by_hand(parts, 1, training.version, "I looked", is_forced=True)

    assert f"loop models promote {training.version} --project 1 --force --why" in before
    assert f"loop models report {training.version} --project 1" in before
    assert "--force" not in shown(parts)


def shown(parts):
    out = io.StringIO()
    found = replace(status_without_network(parts), parts={})
    screen.show_status(Console(file=out, width=200), found)
    return out.getvalue()


def status_without_network(parts):
    class Quiet:
        url = ""

        def answers(self):
            return False

        def workers(self):
            return {}

        def lengths(self):
            return {}

    return status(replace(parts, label_studio=Quiet(), door=Quiet(), queue=Quiet()))


def test_without_a_champion_the_candidate_is_compared_with_finding_nothing(parts, snapshot, tmp_path):
    known = replace(parts, detectors=PlantedDetectors({NEW: GOOD}))
    training = known.trainings.ask(1, "a test")
    known.trainings.note(training.id, snapshot=snapshot.hash, version=added(known, tmp_path, NEW, snapshot).name)

    retrain(known, 1)

    assert known.trainings.last(1)[0].state is State.PROMOTED


def test_a_slow_candidate_is_refused(judged):
    _, training = judged(milliseconds={OLD: 10.0, NEW: 30.0})

    assert training.state is State.REFUSED
    assert "too slow: 30.0 ms" in training.report["gate"]["reason"]


def test_what_the_champion_was_first_measured_on_is_reported_apart(judged, parts, tmp_path):
    known = written(parts, tmp_path, 7)
    serve(parts, added(parts, tmp_path, OLD, known))

    parts, training = judged()

    report = json.loads(parts.reports.find(1, training.version)[1].read_text())
    assert report["measured_before_the_champion_was_made"]["images"] == 7
    assert report["measured_since"]["images"] == 5


@pytest.mark.parametrize(
    ("why", "is_forced"),
    [
        pytest.param("I like it", False, id="a-reason-alone"),
        pytest.param(None, True, id="force-alone"),
        pytest.param(" ", True, id="force-and-a-blank-reason"),
    ],
)
def test_a_refused_version_serves_only_when_forced_with_a_reason(judged, why, is_forced):
    parts, training = judged(champion=GOOD, candidate=BAD)

    with pytest.raises(NotPassed, match="the gate refused it"):
        promote_by_hand(parts, 1, training.version, why, is_forced=is_forced)

    promote_by_hand(parts, 1, training.version, "I like it", is_forced=True)
    assert parts.registry.champion(1).name == training.version


def test_a_version_that_served_before_may_always_serve_again(judged):
    parts, training = judged(champion=GOOD, candidate=BAD)
    first = parts.registry.champion(1)
    promote_by_hand(parts, 1, training.version, "I like it", is_forced=True)

    assert promote_by_hand(parts, 1, first.name, None) == first
    assert promote_by_hand(parts, 1, training.version, None).name == training.version


def test_a_version_that_the_gate_never_saw_needs_a_reason(parts, tmp_path):
    foreign = added(parts, tmp_path, b"foreign")

    with pytest.raises(NotPassed, match="never judged"):
        promote_by_hand(parts, 1, foreign.name, "by hand")


def test_the_reason_is_kept_with_the_move(judged):
    parts, training = judged(champion=GOOD, candidate=BAD)

    done = run_command(parts, "promote", training.version, "--force", "--why", "the old one is too slow")

    assert done.exit_code == 0, done.output
    with parts.engine.connect() as connection:
        found = connection.exec_driver_sql("select alias, why from moves order by id desc").first()
    assert tuple(found) == (CHAMPION, "the old one is too slow")


def test_the_command_refuses_what_the_gate_refused(judged):
    parts, training = judged(champion=GOOD, candidate=BAD)

    done = run_command(parts, "promote", training.version, "--why", "please")

    assert isinstance(done.exception, NotPassed)
    assert parts.registry.champion(1).name != training.version


def test_the_command_prints_where_the_report_is_and_the_report(judged):
    parts, training = judged()
    html, _ = parts.reports.find(1, training.version)

    assert run_command(parts, "report", training.version).output.strip() == str(html)
    assert json.loads(run_command(parts, "report", training.version, "--json").output)["outcome"] == "promoted"


def test_there_is_no_report_of_a_version_that_was_never_judged(parts, tmp_path):
    version = added(parts, tmp_path, OLD)

    with pytest.raises(UnknownReport, match="never judged"):
        parts.reports.find(1, version.name)


def test_any_two_versions_are_compared_and_nothing_is_promoted(judged):
    parts, training = judged(champion=GOOD, candidate=BAD)
    champion = parts.registry.champion(1)

    report = compare(parts, 1, training.version, champion.name)

    assert report.comparison.overall.lead > 0
    assert report.ruling is None
    assert parts.registry.champion(1) == champion


def test_a_snapshot_is_named_by_the_start_of_its_hash(judged, snapshot):
    parts, training = judged()

    report = compare(parts, 1, training.version, training.version, snapshot.hash[:8])

    assert report.snapshot == snapshot.hash
    with pytest.raises(UnknownSnapshot, match="beef"):
        compare(parts, 1, training.version, training.version, "beef")


def test_a_comparison_of_what_is_not_there_names_it(parts, tmp_path):
    with pytest.raises(UnknownVersion):
        compare(parts, 1, "7.0.0", "8.0.0")

    name = added(parts, tmp_path, OLD).name
    with pytest.raises(UnknownSnapshot, match="no snapshot yet"):
        compare(parts, 1, name, name)


def test_a_comparison_is_shown_as_a_table(judged):
    parts, training = judged()
    out = io.StringIO()

    screen.show_comparison(Console(file=out, width=120), compare(parts, 1, "1.0.0", training.version))

    assert "Cattle" in out.getvalue()
    assert "95% interval" in out.getvalue()
