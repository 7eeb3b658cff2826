"""Working on events."""

import itertools
from datetime import UTC, datetime

import pytest

from tests.builders import NOON, created, ls_annotation, ls_region, ls_task, region, served
from tests.reviews.builders import take


def deleted(*ids):
    return {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": one} for one in ids], "project": 1}


def rates(parts):
    return parts.rates.by_version(1).get("yolo_detector@1.0.0")


def test_a_review_is_judged_against_what_was_served(parts):
    parts.predictions.append([served(region("p"), region("q"))])

    take(parts, created(ls_region("p", x=10, y=10, width=30, height=30), ls_region("drawn", x=60)))

    found = rates(parts)
    assert (found.confirmed, found.corrected, found.false_positive, found.missed) == (1, 0, 1, 1)


def test_the_same_event_twice_counts_once(parts):
    parts.predictions.append([served(region("p"))])
    event = created(ls_region("p"))

    take(parts, event, event)
    take(parts, event)

    assert rates(parts).confirmed == 1


def test_events_in_any_order_end_in_the_same_state(parts):
    parts.predictions.append([served(region("p")), served(region("p2"), task=2)])
    first, edit = created(ls_region("p")), created(ls_region("p", label="Person"), edited=5)
    edit["action"] = "ANNOTATION_UPDATED"
    other = created(ls_region("p2"), annotation=2, task=2)

    states = set()
    for order in itertools.permutations([first, edit, other]):
        take(parts, *order)
        states.add((rates(parts).confirmed, rates(parts).corrected))

    assert states == {(1, 1)}


@pytest.mark.parametrize(("parent", "version"), [(9, "yolo_detector@1.0.0"), (10, "yolo_detector@2.0.0")])
def test_with_all_boxes_deleted_label_studio_says_which_version_was_seen(parts, parent, version):
    parts.predictions.append([served(region("p"))])
    parts.predictions.append([served(region("q"), version="yolo_detector@2.0.0", minutes=-5)])
    parts.label_studio.predictions = {9: {"model_version": "yolo_detector@1.0.0"}}

    take(parts, created(parent_prediction=parent))

    assert list(parts.rates.by_version(1)) == [version]


def test_an_event_of_another_project_than_its_hooks_is_refused(parts):
    take(parts, created(ls_region(), project=2), {"action": "PROJECT_UPDATED", "project": {"id": 2, "title": "x"}})

    assert not parts.reviews.counted(2)
    assert all(error for _, error in parts.events.last())


def test_an_edited_review_is_judged_anew(parts):
    parts.predictions.append([served(region("p"))])
    take(parts, created(ls_region("p")))

    take(parts, created(edited=5))

    assert (rates(parts).confirmed, rates(parts).false_positive) == (0, 1)


def test_a_deleted_review_takes_its_verdicts_along(parts):
    parts.predictions.append([served(region("p"))])
    take(parts, created(ls_region("p")))

    take(parts, deleted(1))

    assert rates(parts) is None


def test_a_skip_is_no_verdict(parts):
    parts.predictions.append([served(region("p"))])
    event = created()
    event["annotation"]["was_cancelled"] = True

    take(parts, event)

    assert rates(parts) is None


def test_a_task_that_was_never_predicted_gives_no_verdict(parts):
    take(parts, created(ls_region("drawn")))

    assert not parts.rates.by_version(1)
    assert list(parts.reviews.counted(1)) == [1]


def test_a_bulk_event_holds_many_reviews(parts):
    annotations = [ls_annotation(ls_region(), annotation=n, task=n) for n in (1, 2)]
    event = {
        "action": "ANNOTATIONS_CREATED",
        "annotation": annotations,
        "task": [ls_task(2), ls_task(1, "/data/b.jpg")],
    }

    take(parts, event)

    counted = parts.reviews.counted(1)
    assert [counted[n].image("image") for n in (1, 2)] == ["/data/b.jpg", "/data/upload/1/a.jpg"]


def test_a_review_of_a_deleted_task_is_kept_and_does_not_count(parts):
    event = created(ls_region())
    event["annotation"]["created_at"] = event["annotation"]["updated_at"] = NOON.isoformat()

    take(parts, {"action": "TASKS_DELETED", "tasks": [{"id": 1}], "project": {"id": 1}}, event)

    assert not parts.reviews.counted(1)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"action": "ANNOTATION_CREATED"}, id="no-annotation"),
        pytest.param({"action": "ANNOTATION_CREATED", "annotation": {"id": 1, "result": 5}}, id="no-result"),
        pytest.param({"action": "ANNOTATIONS_DELETED", "annotations": 7}, id="no-list"),
        pytest.param({"action": "PROJECT_UPDATED", "project": {"id": 1, "label_config": "<"}}, id="no-xml"),
    ],
)
def test_an_event_that_cannot_be_read_is_kept_with_its_error_and_holds_nobody_up(parts, broken):
    take(parts, broken, created(ls_region()))

    assert list(parts.reviews.counted(1)) == [1]
    assert not parts.events.pending(1)
    assert sum(error is not None for _, error in parts.events.last()) == 1


def test_enough_new_reviews_ask_for_one_training(parts):
    take(parts, *(created(ls_region(), annotation=n, task=n) for n in (1, 2)))
    assert not parts.trainings.open(1)

    take(parts, *(created(ls_region(), annotation=n, task=n) for n in (3, 4, 5)))
    take(parts, created(ls_region(), annotation=6, task=6))

    assert parts.queue.asked.count(("retrain", 1)) == 1
    assert len(parts.trainings.open(1)) == 1


def test_reviews_that_were_trained_on_do_not_ask_again(parts):
    take(parts, *(created(ls_region(), annotation=n, task=n) for n in (1, 2, 3)))
    (training,) = parts.trainings.open(1)
    parts.trainings.end(training.id, "refused")
    parts.projects.reviews_seen(1, datetime.now(UTC))

    take(parts, created(ls_region(), annotation=4, task=4))

    assert not parts.trainings.open(1)


def test_start_training_asks_however_few_there_are(parts):
    take(parts, {"action": "START_TRAINING", "project": {"id": 1}})

    assert parts.queue.asked == [("retrain", 1)]


def test_new_tasks_are_predicted(parts):
    take(parts, {"action": "TASKS_CREATED", "tasks": [ls_task(5)], "project": {"id": 1}})

    assert parts.queue.asked == [("refresh", 1)]


def test_a_changed_label_config_is_taken_over(parts):
    config = parts.projects.get(1).label_config.replace('"Person"', '"Bus"')

    take(parts, {"action": "PROJECT_UPDATED", "project": {"id": 1, "title": "Buses", "label_config": config}})

    assert parts.projects.get(1).title == "Buses"
    assert parts.projects.class_names(1) == ["Car", "Person", "Bus"]


def test_the_rates_add_up_to_what_was_predicted(parts):
    parts.predictions.append([served(region("p"), region("q"), region("r"))])

    take(parts, created(ls_region("p"), ls_region("q", label="Person"), ls_region("new", x=70)))

    found = rates(parts)
    assert found.predicted == 3
    assert found.reviewed == 3


def accepted_in_bulk(*regions, **fields):
    """What the action “create annotations from predictions” makes."""
    event = created(*regions, parent_prediction=9, **fields)
    event["annotation"]["lead_time"] = None
    return event


def test_a_prediction_accepted_in_bulk_is_no_review(parts):
    parts.predictions.append([served(region("p"))])

    take(parts, accepted_in_bulk(ls_region("p")))

    assert not parts.reviews.counted(1)
    assert rates(parts) is None


def test_a_prediction_accepted_in_bulk_counts_once_somebody_looked_at_it(parts):
    parts.predictions.append([served(region("p"))])
    take(parts, accepted_in_bulk(ls_region("p")))

    seen = accepted_in_bulk(ls_region("p", origin="prediction"), edited=5)
    seen["annotation"]["lead_time"] = 4.0
    take(parts, seen)

    assert rates(parts).confirmed == 1


def test_a_prediction_accepted_in_bulk_counts_as_ground_truth(parts):
    take(parts, accepted_in_bulk(ls_region("p"), ground_truth=True))

    assert list(parts.reviews.counted(1)) == [1]
