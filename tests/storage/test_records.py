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
from loop.training.store import State
from tests.builders import CONFIG, NOON, created, ls_region, region, review, served


def test_many_processes_may_migrate_at_once(tmp_path):
    code = f"from loop.storage.database import migrate; migrate('sqlite:///{tmp_path}/a/b.sqlite3')"

    running = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(4)]

    said = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 4, said


def test_an_event_is_appended_once(parts):
    event = created(ls_region())

    assert parts.events.append(1, event["action"], event)
    assert not parts.events.append(1, event["action"], event)
    assert len(parts.events.pending(1)) == 1


def test_the_same_event_of_two_projects_is_two(parts):
    event = created(ls_region())

    assert parts.events.append(1, event["action"], event)
    assert parts.events.append(2, event["action"], event)


def test_credentials_are_never_stored():
    payload = {"project": {"token": "s", "task_data_password": "s", "title": "Cars"}, "tasks": [{"api_key": "s"}]}

    assert redact_json(payload) == {
        "project": {"token": "[redacted]", "task_data_password": "[redacted]", "title": "Cars"},
        "tasks": [{"api_key": "[redacted]"}],
    }


def test_the_newest_state_of_a_review_is_kept_in_either_order(parts):
    first, edited = review(region("a")), review(region("a", "Person"), edited=5)

    for order in ([first, edited], [edited, first]):
        for state in order:
            parts.reviews.record(state, {"image": "/data/a.jpg"})

    assert parts.reviews.counted(1)[1].review.regions[0].label == "Person"


def test_ground_truth_counts_before_the_latest(parts):
    parts.reviews.record(review(region("a"), annotation=1, is_ground_truth=True), {})
    parts.reviews.record(review(region("b"), annotation=2, minutes=5), {})

    assert parts.reviews.counted(1)[1].review.id == 1


def test_a_skip_does_not_count_and_an_empty_review_does(parts):
    parts.reviews.record(review(task=1, annotation=1, is_skipped=True), {})
    parts.reviews.record(review(task=2, annotation=2), {})

    assert list(parts.reviews.counted(1)) == [2]


def test_a_deleted_review_does_not_count_and_the_one_before_it_does(parts):
    parts.reviews.record(review(region("a"), annotation=1), {})
    parts.reviews.record(review(region("b"), annotation=2, minutes=5), {})

    touched = parts.reviews.delete(1, "annotation", {2: NOON + timedelta(minutes=9)})

    assert touched == [1]
    assert parts.reviews.counted(1)[1].review.id == 1


def test_what_stands_is_known_by_id_and_moment(parts):
    parts.reviews.record(review(region("a"), annotation=1), {})
    parts.reviews.record(review(region("b"), annotation=2, task=2, minutes=5), {})
    parts.reviews.delete(1, ANNOTATION, {1: NOON})

    assert parts.reviews.standing(1, ANNOTATION) == {2: NOON + timedelta(minutes=5)}
    assert parts.reviews.standing(1, TASK) == {2: NOON + timedelta(minutes=5)}
    assert parts.reviews.standing(1, ANNOTATION, task_id=1) == {}


def test_a_deletion_that_comes_before_its_review_is_remembered(parts):
    parts.reviews.delete(1, "annotation", {1: NOON + timedelta(minutes=9)})

    parts.reviews.record(review(region("a"), annotation=1), {})

    assert not parts.reviews.counted(1)


def test_an_id_given_out_again_is_another_review(parts):
    parts.reviews.record(review(region("a"), annotation=1), {})
    parts.reviews.delete(1, "annotation", {1: NOON + timedelta(minutes=9)})

    parts.reviews.record(review(region("b"), annotation=1, task=2, minutes=20), {})

    assert list(parts.reviews.counted(1)) == [2]


def test_an_id_given_out_again_ends_the_annotation_that_had_it(parts):
    for order in ((0, 20), (20, 0)):
        for minutes in order:
            parts.reviews.record(review(region("a"), annotation=1, task=1 + minutes, minutes=minutes), {})

    assert list(parts.reviews.counted(1)) == [21]


def test_the_reviews_of_a_deleted_task_do_not_count(parts):
    parts.reviews.record(review(region("a"), task=1), {})

    parts.reviews.delete(1, "task", {1: NOON + timedelta(minutes=9)})

    assert not parts.reviews.counted(1)
    assert parts.reviews.new_since(1, None) == 0


def test_new_reviews_are_counted_by_task(parts):
    parts.reviews.record(review(annotation=1), {})
    parts.reviews.record(review(annotation=2, minutes=1), {})
    moment = datetime.now(UTC)
    parts.reviews.record(review(annotation=3, task=2), {})

    assert parts.reviews.new_since(1, None) == 2
    assert parts.reviews.new_since(1, moment) == 1


def test_projects_do_not_see_each_others_reviews(parts):
    parts.reviews.record(review(region("a"), project=1), {})
    parts.reviews.record(review(region("b"), project=2, task=9), {})

    assert list(parts.reviews.counted(1)) == [1]
    assert list(parts.reviews.counted(2)) == [9]


def test_rates_are_counted_by_the_version_that_was_reviewed(parts):
    for task, version in ((1, "a@1"), (2, "b@2")):
        parts.predictions.append([served(region("p"), task=task, version=version)])
        (seen,) = parts.predictions.of_task(1, task)
        verdicts = judge(seen.regions, [region("p"), region("m", at=Box(0.6, 0.6, 0.9, 0.9))])
        parts.verdicts.replace(1, task, (review(task=task), seen, verdicts))

    rates = parts.rates.by_version(1)

    assert list(rates) == ["a@1", "b@2"]
    assert (rates["a@1"].confirmed, rates["a@1"].missed, rates["a@1"].confirmed_rate) == (1, 1, 1.0)


def test_a_prediction_served_again_is_logged_once(parts):
    parts.predictions.append([served(region("a", score=0.5))])
    parts.predictions.append([served(region("a", score=0.5), minutes=0)])

    assert len(parts.predictions.of_task(1, 1)) == 1


def test_a_prediction_of_another_version_is_logged_too(parts):
    parts.predictions.append([served(region("a", score=0.5))])
    parts.predictions.append([served(region("a", score=0.5), version="yolo_detector@2.0.0")])

    assert [one.version for one in parts.predictions.of_task(1, 1)] == ["yolo_detector@1.0.0", "yolo_detector@2.0.0"]


def test_a_hundred_asks_make_one_training(parts):
    for _ in range(100):
        parts.trainings.ask(1, "by hand")

    assert len(parts.trainings.open(1)) == 1


def test_two_projects_train_each_for_itself(parts):
    first, second = parts.trainings.ask(1, "by hand"), parts.trainings.ask(2, "by hand")

    assert [one.id for one in parts.trainings.open()] == [first.id, second.id]


def test_after_a_training_ended_the_next_can_be_asked_for(parts):
    first = parts.trainings.ask(1, "by hand")
    parts.trainings.end(first.id, State.REFUSED)

    assert parts.trainings.ask(1, "by hand").id != first.id


def test_classes_are_appended_and_never_move(parts):
    added = CONFIG.replace('<Label value="Car"/>', '<Label value="Bus"/>')

    parts.projects.save(1, "Cars", added)

    assert parts.projects.class_names(1) == ["Car", "Person", "Bus"]


def test_a_project_that_was_never_connected_is_named(parts):
    with pytest.raises(UnknownProject, match="loop connect --project 9"):
        parts.projects.get(9)


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "some.pt"
    path.write_bytes(b"weights")
    return path


def test_versions_count_up_from_the_first_training(parts, weights):
    names = [parts.registry.add(1, weights, number=number).name for number in ("0.0.0", None, None)]

    assert names == ["yolo_detector@0.0.0", "yolo_detector@1.0.0", "yolo_detector@1.1.0"]


def test_promoting_an_older_version_rolls_back(parts, weights):
    old, new = parts.registry.add(1, weights), parts.registry.add(1, weights)
    parts.registry.promote(1, old.name, "first")
    parts.registry.promote(1, new.name, "better")

    assert parts.registry.roll_back(1, "worse after all") == old
    assert parts.registry.champion(1) == old
    assert parts.registry.at(1, "previous") == new


def test_promoting_the_champion_keeps_the_previous(parts, weights):
    old, new = parts.registry.add(1, weights), parts.registry.add(1, weights)
    for name in (old.name, new.name, new.name):
        parts.registry.promote(1, name, "again")

    assert parts.registry.at(1, "previous") == old


def test_a_version_keeps_its_own_copy_of_the_weights(parts, weights):
    version = parts.registry.add(1, weights)
    weights.write_bytes(b"changed")

    assert version.weights.read_bytes() == b"weights"


def test_versions_of_two_projects_do_not_mix(parts, weights):
    parts.registry.promote(1, parts.registry.add(1, weights).name, "first")

    assert parts.registry.champion(2) is None
    with pytest.raises(UnknownVersion, match="known: none"):
        parts.registry.get(2, "1.0.0")


def test_there_is_nothing_to_roll_back_to_at_first(parts, weights):
    parts.registry.promote(1, parts.registry.add(1, weights).name, "first")

    with pytest.raises(NoChampion):
        parts.registry.roll_back(1, "why not")
