"""What the gate's ruling does to a training, its version and its report."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from loop import policies
from loop.cli import screen
from loop.errors import PayloadError
from loop.gate.compare import compare_files
from loop.gate.promote_by_hand import promote_by_hand
from loop.gate.rule import GateOutcome
from loop.installation.status import status
from loop.storage.file_store import FileStore
from loop.training.store import TrainingEnd, TrainingState
from tests.gate.builders import BAD, GOOD, NEW, OLD, add, serve, write_snapshot
from tests.swap import swap


def test_a_better_candidate_serves(judged):
    rooms, training = judged()

    assert training.status == "promoted"
    assert rooms.registry.versions.champion(1).name == training.version
    assert "95% interval +" in training.report["gate"]["reason"]


def test_a_worse_candidate_does_not_serve_and_its_report_is_kept(judged):
    rooms, training = judged(champion=GOOD, candidate=BAD)

    assert training.status == "refused"
    assert rooms.registry.versions.champion(1).name != training.version
    html, plain = rooms.gate.reports.find(1, training.version)
    assert "not shown to be better" in json.loads(plain.read_text())["reason"]
    assert "Refused" in html.read_text()


def test_mistakes_count_the_boxes_that_each_version_shows(rooms, judged, tmp_path):
    serve(rooms, add(rooms, tmp_path, OLD, thresholds={"display": 0.6}))

    judged_rooms, training = judged(champion=BAD, candidate=GOOD)

    report = judged_rooms.gate.reports.read(1, training.version)
    assert report.thresholds == (0.6, 0.25)
    changed = [each for each in report.comparison.mistakes if each.champion != each.candidate]
    places = [BAD.images.index(each.image) for each in changed]
    assert [each.champion for each in changed] == BAD.mistakes(0.6)[places].tolist()
    assert [each.candidate for each in changed] == GOOD.mistakes(0.25)[places].tolist()
    html = judged_rooms.gate.reports.find(1, training.version)[0].read_text()
    assert f"0.6 confidence ({report.champion.name}) and 0.25 ({training.version})" in html


def test_the_report_has_the_precision_of_each_class_of_the_candidate_for_the_order_of_the_queue(judged):
    rooms, training = judged()
    reports = rooms.gate.reports

    precisions = reports.read_class_precisions(1, training.version)

    parts = json.loads(reports.find(1, training.version)[1].read_text())["classes"]
    assert precisions == {part["name"]: part["candidate"] for part in parts}
    assert all(0.0 < precision <= 1.0 for precision in precisions.values())
    assert rooms.serving.ranking.precisions(1, training.version) == precisions
    assert reports.read_class_precisions(1, "never@1.0.0") == {}


def test_the_order_of_the_queue_finds_the_precisions_of_a_version_that_it_knew_before_it_was_judged(judged, settings):
    rooms, training = judged()
    folder, now = rooms.gate.reports.find(1, training.version)[0].parent, [0.0]
    ranking = policies.ranking(settings, FileStore(settings.home), rooms.engine, lambda: now[0])
    folder.rename(folder.with_suffix(".later"))
    assert ranking.precisions(1, training.version) == {}

    folder.with_suffix(".later").rename(folder)
    now[0] = policies.LOOK_AGAIN

    assert ranking.precisions(1, training.version) == rooms.serving.ranking.precisions(1, training.version) != {}


def test_a_renamed_class_keeps_its_precision_in_the_order_of_the_queue(judged):
    rooms, training = judged()
    rooms.studio.classes.rename(1, "Car", "Bird")
    before = rooms.serving.ranking.precisions(1, training.version)

    rooms.studio.classes.rename(1, "Bird", "Parrot")

    after = rooms.serving.ranking.precisions(1, training.version)
    assert after["Parrot"] == before["Bird"]


def test_with_too_little_to_tell_a_person_is_asked(judged):
    rooms, training = judged(least_images=13)

    assert training.status == "held"
    assert rooms.registry.versions.champion(1).name != training.version
    assert rooms.gate.reports.find(1, training.version)


def test_the_status_says_what_to_do_about_a_held_candidate_until_it_is_done(judged):
    rooms, training = judged(least_images=13)

    before = shown(rooms)
    promote_by_hand(rooms.gate, 1, training.version, "I looked", is_forced=True)

    assert f"loop models promote {training.version} --project 1 --force --why" in before
    assert f"loop models report {training.version} --project 1" in before
    assert "held, promoted by a person" not in before
    assert "--force" not in shown(rooms)
    assert "held, promoted by a person" in shown(rooms)


def shown(rooms):
    out = io.StringIO()
    report = replace(status_without_network(rooms), parts={})
    screen.show_status(Console(file=out, width=200), report)
    return out.getvalue()


def status_without_network(rooms):
    class Quiet:
        url = ""

        def answers(self):
            return False

        def workers(self):
            return {}

        def lengths(self):
            return {}

        def waits(self):
            return {}

        def read_progress(self):
            return {}

    return status(
        swap(
            rooms, (rooms.studio.client, Quiet()), (rooms.studio.backend, Quiet()), (rooms.queue, Quiet())
        ).installation
    )


def test_without_a_champion_the_candidate_is_compared_with_finding_nothing(judged):
    _, training = judged(champion=None)

    assert training.status == "promoted"


@pytest.mark.parametrize("is_closed", [False, True], ids=["killed-before-it-is-closed", "closed"])
def test_only_a_training_that_has_ended_waits_for_a_person(rooms, is_closed):
    training = rooms.trainings.store.ask(1, "a test")
    end = TrainingEnd(TrainingState.ENDED, "too few images", "yolo_detector@1.0.0", GateOutcome.HELD)
    rooms.trainings.store.note(training.id, version=end.version)
    rooms.trainings.store.settle(training.id, end)
    if is_closed:
        rooms.trainings.store.end(training.id, end.state)

    (project,) = status_without_network(rooms).projects

    assert project.waits_for_a_person is is_closed


def test_a_slow_candidate_is_refused(judged):
    _, training = judged(milliseconds={OLD: 10.0, NEW: 30.0})

    assert training.status == "refused"
    assert "too slow: 30.0 ms" in training.report["gate"]["reason"]


def test_a_candidate_that_seems_slow_on_a_busy_machine_is_measured_again(judged):
    _, training = judged(milliseconds={OLD: 10.0, NEW: iter([30.0, 12.0])})

    assert training.status == "promoted"


def test_what_the_champion_was_first_measured_on_is_reported_apart(judged, rooms, tmp_path):
    known = write_snapshot(rooms, tmp_path, 7)
    serve(rooms, add(rooms, tmp_path, OLD, known))

    rooms, training = judged()

    report = json.loads(rooms.gate.reports.find(1, training.version)[1].read_text())
    assert report["measured_before_the_champion_was_made"]["images"] == 7
    assert report["measured_since"]["images"] == 5


def test_a_dataset_without_held_out_images_is_refused_before_anything_is_measured(tmp_path):
    data = tmp_path / "data.yaml"
    data.write_text("names: [Car]\nval: images/val\n")
    (tmp_path / "images" / "val").mkdir(parents=True)

    for _ in range(2):
        with pytest.raises(PayloadError, match=r"expected images in .*held_out, as `loop dataset convert` writes them"):
            compare_files(None, tmp_path / "a.pt", tmp_path / "b.pt", data, 0.25)
        (tmp_path / "images" / "held_out").mkdir(exist_ok=True)
        (tmp_path / "images" / "held_out" / ".DS_Store").touch()
