"""The records: events, reviews, predictions, trainings, projects, versions."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from loop.errors import NoChampion, UnknownProject, UnknownVersion
from loop.regions import Box
from loop.reviews.review_store import ANNOTATION, TASK
from loop.reviews.verdicts import judge
from loop.secrecy import redact_json
from loop.training.store import TrainingState
from tests.builders import CONFIG, NOON, created, ls_region, region, review, served


def test_many_processes_may_migrate_at_once(tmp_path):
    code = f"from loop.storage.database import migrate; migrate('sqlite:///{tmp_path}/a/b.sqlite3')"

    running = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(4)]

    said = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 4, said


def test_an_event_is_appended_once(rooms):
    event = created(ls_region())

    assert rooms.reviews.events.append(1, event["action"], event)
    assert not rooms.reviews.events.append(1, event["action"], event)
    assert len(rooms.reviews.events.pending(1)) == 1


def test_the_same_event_of_two_projects_is_two(rooms):
    event = created(ls_region())

    assert rooms.reviews.events.append(1, event["action"], event)
    assert rooms.reviews.events.append(2, event["action"], event)


def test_credentials_are_never_stored():
    payload = {"project": {"token": "s", "task_data_password": "s", "title": "Cars"}, "tasks": [{"api_key": "s"}]}

    assert redact_json(payload) == {
        "project": {"token": "[redacted]", "task_data_password": "[redacted]", "title": "Cars"},
        "tasks": [{"api_key": "[redacted]"}],
    }


def test_the_newest_state_of_a_review_is_kept_in_either_order(rooms):
    first, edited = review(region("a")), review(region("a", "Person"), edited=5)

    for order in ([first, edited], [edited, first]):
        for state in order:
            rooms.reviews.store.record(state, {"image": "/data/a.jpg"})

    assert rooms.reviews.store.counted(1)[1].review.regions[0].label == "Person"


def test_ground_truth_counts_before_the_latest(rooms):
    rooms.reviews.store.record(review(region("a"), annotation=1, is_ground_truth=True), {})
    rooms.reviews.store.record(review(region("b"), annotation=2, minutes=5), {})

    assert rooms.reviews.store.counted(1)[1].review.id == 1


def test_a_skip_does_not_count_and_an_empty_review_does(rooms):
    rooms.reviews.store.record(review(task=1, annotation=1, is_skipped=True), {})
    rooms.reviews.store.record(review(task=2, annotation=2), {})

    assert list(rooms.reviews.store.counted(1)) == [2]


def test_a_deleted_review_does_not_count_and_the_one_before_it_does(rooms):
    rooms.reviews.store.record(review(region("a"), annotation=1), {})
    rooms.reviews.store.record(review(region("b"), annotation=2, minutes=5), {})

    touched = rooms.reviews.store.delete(1, "annotation", {2: NOON + timedelta(minutes=9)})

    assert touched == [1]
    assert rooms.reviews.store.counted(1)[1].review.id == 1


def test_what_stands_is_known_by_id_and_moment(rooms):
    rooms.reviews.store.record(review(region("a"), annotation=1), {})
    rooms.reviews.store.record(review(region("b"), annotation=2, task=2, minutes=5), {})
    rooms.reviews.store.delete(1, ANNOTATION, {1: NOON})

    assert rooms.reviews.store.standing(1, ANNOTATION) == {2: NOON + timedelta(minutes=5)}
    assert rooms.reviews.store.standing(1, TASK) == {2: NOON + timedelta(minutes=5)}
    assert rooms.reviews.store.standing(1, ANNOTATION, task_id=1) == {}


def test_a_deletion_that_comes_before_its_review_is_remembered(rooms):
    rooms.reviews.store.delete(1, "annotation", {1: NOON + timedelta(minutes=9)})

    rooms.reviews.store.record(review(region("a"), annotation=1), {})

    assert not rooms.reviews.store.counted(1)


def test_an_id_given_out_again_is_another_review(rooms):
    rooms.reviews.store.record(review(region("a"), annotation=1), {})
    rooms.reviews.store.delete(1, "annotation", {1: NOON + timedelta(minutes=9)})

    rooms.reviews.store.record(review(region("b"), annotation=1, task=2, minutes=20), {})

    assert list(rooms.reviews.store.counted(1)) == [2]


def test_an_id_given_out_again_ends_the_annotation_that_had_it(rooms):
    for order in ((0, 20), (20, 0)):
        for minutes in order:
            rooms.reviews.store.record(review(region("a"), annotation=1, task=1 + minutes, minutes=minutes), {})

    assert list(rooms.reviews.store.counted(1)) == [21]


def test_the_reviews_of_a_deleted_task_do_not_count(rooms):
    rooms.reviews.store.record(review(region("a"), task=1), {})

    rooms.reviews.store.delete(1, "task", {1: NOON + timedelta(minutes=9)})

    assert not rooms.reviews.store.counted(1)
    assert rooms.reviews.store.new_since(1, None) == 0


def test_new_reviews_are_counted_by_task(rooms):
    rooms.reviews.store.record(review(annotation=1), {})
    rooms.reviews.store.record(review(annotation=2, minutes=1), {})
    moment = datetime.now(UTC)
    rooms.reviews.store.record(review(annotation=3, task=2), {})

    assert rooms.reviews.store.new_since(1, None) == 2
    assert rooms.reviews.store.new_since(1, moment) == 1


def test_projects_do_not_see_each_others_reviews(rooms):
    rooms.reviews.store.record(review(region("a"), project=1), {})
    rooms.reviews.store.record(review(region("b"), project=2, task=9), {})

    assert list(rooms.reviews.store.counted(1)) == [1]
    assert list(rooms.reviews.store.counted(2)) == [9]


def test_rates_are_counted_by_the_version_that_was_reviewed(rooms):
    for task, version in ((1, "a@1"), (2, "b@2")):
        rooms.serving.predictions.append([served(region("p"), task=task, version=version)])
        (seen,) = rooms.serving.predictions.of_task(1, task)
        verdicts = judge(seen.regions, [region("p"), region("m", at=Box(0.6, 0.6, 0.9, 0.9))])
        rooms.reviews.verdicts.replace(1, task, (review(task=task), seen, verdicts))

    rates = rooms.rates.store.count_by_version(1)

    assert list(rates) == ["a@1", "b@2"]
    assert (rates["a@1"].confirmed, rates["a@1"].missed, rates["a@1"].confirmed_rate) == (1, 1, 1.0)


def test_a_prediction_served_again_is_logged_once(rooms):
    rooms.serving.predictions.append([served(region("a", score=0.5))])
    rooms.serving.predictions.append([served(region("a", score=0.5), minutes=0)])

    assert len(rooms.serving.predictions.of_task(1, 1)) == 1


def test_a_prediction_of_another_version_is_logged_too(rooms):
    rooms.serving.predictions.append([served(region("a", score=0.5))])
    rooms.serving.predictions.append([served(region("a", score=0.5), version="yolo_detector@2.0.0")])

    assert [one.version for one in rooms.serving.predictions.of_task(1, 1)] == [
        "yolo_detector@1.0.0",
        "yolo_detector@2.0.0",
    ]


def test_a_hundred_asks_make_one_training(rooms):
    for _ in range(100):
        rooms.trainings.store.ask(1, "by hand")

    assert len(rooms.trainings.store.open(1)) == 1


def test_two_projects_train_each_for_itself(rooms):
    first, second = rooms.trainings.store.ask(1, "by hand"), rooms.trainings.store.ask(2, "by hand")

    assert [one.id for one in rooms.trainings.store.open()] == [first.id, second.id]


def test_after_a_training_ended_the_next_can_be_asked_for(rooms):
    first = rooms.trainings.store.ask(1, "by hand")
    rooms.trainings.store.end(first.id, TrainingState.ENDED)

    assert rooms.trainings.store.ask(1, "by hand").id != first.id


def test_classes_are_appended_and_never_move(rooms):
    added = CONFIG.replace('<Label value="Car"/>', '<Label value="Bus"/>')

    rooms.studio.projects.save(1, "Cars", added)

    assert rooms.studio.projects.class_names(1) == ["Car", "Person", "Bus"]


def test_a_project_that_was_never_connected_is_named(rooms):
    with pytest.raises(UnknownProject, match="loop connect --project 9"):
        rooms.studio.projects.get(9)


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "some.pt"
    path.write_bytes(b"weights")
    return path


def test_versions_count_up_from_the_first_training(rooms, weights):
    names = [rooms.registry.versions.add(1, weights, number=number).name for number in ("0.0.0", None, None)]

    assert names == ["yolo_detector@0.0.0", "yolo_detector@1.0.0", "yolo_detector@1.1.0"]


def test_promoting_an_older_version_rolls_back(rooms, weights):
    old, new = rooms.registry.versions.add(1, weights), rooms.registry.versions.add(1, weights)
    rooms.registry.versions.promote(1, old.name, "first")
    rooms.registry.versions.promote(1, new.name, "better")

    assert rooms.registry.versions.roll_back(1, "worse after all") == old
    assert rooms.registry.versions.champion(1) == old
    assert rooms.registry.versions.at(1, "previous") == new


def test_promoting_the_champion_keeps_the_previous(rooms, weights):
    old, new = rooms.registry.versions.add(1, weights), rooms.registry.versions.add(1, weights)
    for name in (old.name, new.name, new.name):
        rooms.registry.versions.promote(1, name, "again")

    assert rooms.registry.versions.at(1, "previous") == old


def test_a_version_keeps_its_own_copy_of_the_weights(rooms, weights):
    version = rooms.registry.versions.add(1, weights)
    weights.write_bytes(b"changed")

    assert version.weights.read_bytes() == b"weights"


def test_versions_of_two_projects_do_not_mix(rooms, weights):
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, weights).name, "first")

    assert rooms.registry.versions.champion(2) is None
    with pytest.raises(UnknownVersion, match="known: none"):
        rooms.registry.versions.get(2, "1.0.0")


def test_there_is_nothing_to_roll_back_to_at_first(rooms, weights):
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, weights).name, "first")

    with pytest.raises(NoChampion):
        rooms.registry.versions.roll_back(1, "why not")
