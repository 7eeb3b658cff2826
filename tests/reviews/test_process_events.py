"""Working on events."""

import itertools
from datetime import UTC, datetime

import pytest

from tests.builders import CONFIG, NOON, created, ls_annotation, ls_region, ls_task, region, served
from tests.reviews.builders import take


def deleted(*ids):
    return {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": one} for one in ids], "project": 1}


def rates(rooms):
    return rooms.rates.store.count_by_version(1).get("yolo_detector@1.0.0")


def test_a_review_is_judged_against_what_was_served(rooms):
    rooms.serving.predictions.append([served(region("p"), region("q"))])

    take(rooms, created(ls_region("p", x=10, y=10, width=30, height=30), ls_region("drawn", x=60)))

    counted = rates(rooms)
    assert (counted.confirmed, counted.corrected, counted.false_positive, counted.missed) == (1, 0, 1, 1)


@pytest.mark.parametrize("by_api", [True, False])
def test_an_image_of_a_cloud_storage_is_one_image_by_both_of_its_addresses(rooms, by_api):
    """Old records and old versions of Label Studio have the resolver's address where an event has the cloud's."""
    cloud, api = "s3://bucket/a.jpg", "/tasks/1/resolve/?fileuri=czM6Ly9idWNrZXQvYS5qcGc="
    rooms.serving.predictions.append([served(region("p"), image=api if by_api else cloud)])
    event = created(ls_region("p"))

    take(rooms, {**event, "task": ls_task(image=cloud if by_api else api)})

    assert rates(rooms).confirmed == 1


def test_the_same_event_twice_counts_once(rooms):
    rooms.serving.predictions.append([served(region("p"))])
    event = created(ls_region("p"))

    take(rooms, event, event)
    take(rooms, event)

    assert rates(rooms).confirmed == 1


def test_events_in_any_order_end_in_the_same_state(rooms):
    rooms.serving.predictions.append([served(region("p")), served(region("p2"), task=2)])
    first, edit = created(ls_region("p")), created(ls_region("p", label="Person"), edited=5)
    edit["action"] = "ANNOTATION_UPDATED"
    other = created(ls_region("p2"), annotation=2, task=2)

    states = set()
    for order in itertools.permutations([first, edit, other]):
        take(rooms, *order)
        states.add((rates(rooms).confirmed, rates(rooms).corrected))

    assert states == {(1, 1)}


@pytest.mark.parametrize(("parent", "version"), [(9, "yolo_detector@1.0.0"), (10, "yolo_detector@2.0.0")])
def test_with_all_boxes_deleted_label_studio_says_which_version_was_seen(rooms, parent, version):
    rooms.serving.predictions.append([served(region("p"))])
    rooms.serving.predictions.append([served(region("q"), version="yolo_detector@2.0.0", minutes=-5)])
    rooms.studio.client.predictions = {9: {"model_version": "yolo_detector@1.0.0"}}

    take(rooms, created(parent_prediction=parent))

    assert list(rooms.rates.store.count_by_version(1)) == [version]


def test_an_event_of_another_project_than_its_hooks_is_refused(rooms):
    take(rooms, created(ls_region(), project=2), {"action": "PROJECT_UPDATED", "project": {"id": 2, "title": "x"}})

    assert not rooms.reviews.store.find_counted(2)
    assert all(event.error for event in rooms.reviews.events.last())


def test_an_edited_review_is_judged_anew(rooms):
    rooms.serving.predictions.append([served(region("p"))])
    take(rooms, created(ls_region("p")))

    take(rooms, created(edited=5))

    assert (rates(rooms).confirmed, rates(rooms).false_positive) == (0, 1)


def test_a_deleted_review_takes_its_verdicts_along(rooms):
    rooms.serving.predictions.append([served(region("p"))])
    take(rooms, created(ls_region("p")))

    take(rooms, deleted(1))

    assert rates(rooms) is None


def test_a_skip_is_no_verdict(rooms):
    rooms.serving.predictions.append([served(region("p"))])
    event = created()
    event["annotation"]["was_cancelled"] = True

    take(rooms, event)

    assert rates(rooms) is None


def test_a_task_that_was_never_predicted_gives_no_verdict(rooms):
    take(rooms, created(ls_region("drawn")))

    assert not rooms.rates.store.count_by_version(1)
    assert list(rooms.reviews.store.find_counted(1)) == [1]


def test_a_bulk_event_holds_many_reviews(rooms):
    annotations = [ls_annotation(ls_region(), annotation=n, task=n) for n in (1, 2)]
    event = {
        "action": "ANNOTATIONS_CREATED",
        "annotation": annotations,
        "task": [ls_task(2), ls_task(1, "/data/b.jpg")],
    }

    take(rooms, event)

    counted = rooms.reviews.store.find_counted(1)
    assert [counted[n].image("image") for n in (1, 2)] == ["/data/b.jpg", "/data/upload/1/a.jpg"]


def test_a_review_of_a_deleted_task_is_kept_and_does_not_count(rooms):
    event = created(ls_region())
    event["annotation"]["created_at"] = event["annotation"]["updated_at"] = NOON.isoformat()

    take(rooms, {"action": "TASKS_DELETED", "tasks": [{"id": 1}], "project": {"id": 1}}, event)

    assert not rooms.reviews.store.find_counted(1)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"action": "ANNOTATION_CREATED"}, id="no-annotation"),
        pytest.param({"action": "ANNOTATION_CREATED", "annotation": {"id": 1, "result": 5}}, id="no-result"),
        pytest.param({"action": "ANNOTATIONS_DELETED", "annotations": 7}, id="no-list"),
        pytest.param({"action": "PROJECT_UPDATED", "project": {"id": 1, "label_config": "<"}}, id="no-xml"),
    ],
)
def test_an_event_that_cannot_be_read_is_kept_with_its_error_and_holds_nobody_up(rooms, broken):
    take(rooms, broken, created(ls_region()))

    assert list(rooms.reviews.store.find_counted(1)) == [1]
    assert not rooms.reviews.events.pending(1)
    assert sum(event.error is not None for event in rooms.reviews.events.last()) == 1


def test_enough_new_reviews_ask_for_one_training(rooms):
    take(rooms, *(created(ls_region(), annotation=n, task=n) for n in (1, 2)))
    assert not rooms.trainings.store.open(1)

    take(rooms, *(created(ls_region(), annotation=n, task=n) for n in (3, 4, 5)))
    take(rooms, created(ls_region(), annotation=6, task=6))

    assert rooms.queue.asked.count(("retrain", 1)) == 1
    assert len(rooms.trainings.store.open(1)) == 1


def test_reviews_that_were_trained_on_do_not_ask_again(rooms):
    take(rooms, *(created(ls_region(), annotation=n, task=n) for n in (1, 2, 3)))
    (training,) = rooms.trainings.store.open(1)
    rooms.trainings.store.end(training.id, "ended")
    rooms.studio.projects.mark_reviews_seen(1, datetime.now(UTC))

    take(rooms, created(ls_region(), annotation=4, task=4))

    assert not rooms.trainings.store.open(1)


def test_start_training_asks_however_few_there_are(rooms):
    take(rooms, {"action": "START_TRAINING", "project": {"id": 1}})

    assert rooms.queue.asked == [("retrain", 1)]


def test_new_tasks_are_predicted(rooms):
    take(rooms, {"action": "TASKS_CREATED", "tasks": [ls_task(5)], "project": {"id": 1}})

    assert rooms.queue.asked == [("refresh", 1)]


def test_a_changed_label_config_is_taken_over(rooms):
    config = rooms.studio.projects.get(1).label_config.replace('"Person"', '"Bus"')

    take(rooms, {"action": "PROJECT_UPDATED", "project": {"id": 1, "title": "Buses", "label_config": config}})

    assert rooms.studio.projects.get(1).title == "Buses"
    assert rooms.studio.projects.class_names(1) == ["Car", "Person", "Bus"]


@pytest.mark.parametrize(("several", "asked"), [(1, 0), (2, 1)])
def test_tasks_that_are_open_again_for_a_second_annotation_are_predicted(rooms, several, asked):
    project = {"id": 1, "title": "Cars", "label_config": CONFIG, "maximum_annotations": several}

    take(rooms, {"action": "PROJECT_UPDATED", "project": project})

    assert rooms.queue.asked.count(("refresh", 1)) == asked


def test_the_rates_add_up_to_what_was_predicted(rooms):
    rooms.serving.predictions.append([served(region("p"), region("q"), region("r"))])

    take(rooms, created(ls_region("p"), ls_region("q", label="Person"), ls_region("new", x=70)))

    counted = rates(rooms)
    assert counted.predicted == 3
    assert counted.reviewed == 3


def accepted_in_bulk(*regions, **fields):
    """What the action “create annotations from predictions” makes."""
    event = created(*regions, parent_prediction=9, **fields)
    event["annotation"]["lead_time"] = None
    return event


def test_a_prediction_accepted_in_bulk_is_no_review(rooms):
    rooms.serving.predictions.append([served(region("p"))])

    take(rooms, accepted_in_bulk(ls_region("p")))

    assert not rooms.reviews.store.find_counted(1)
    assert rates(rooms) is None


def test_a_prediction_accepted_in_bulk_counts_once_somebody_looked_at_it(rooms):
    rooms.serving.predictions.append([served(region("p"))])
    take(rooms, accepted_in_bulk(ls_region("p")))

    seen = accepted_in_bulk(ls_region("p", origin="prediction"), edited=5)
    seen["annotation"]["lead_time"] = 4.0
    take(rooms, seen)

    assert rates(rooms).confirmed == 1


def test_a_prediction_accepted_in_bulk_counts_as_ground_truth(rooms):
    take(rooms, accepted_in_bulk(ls_region("p"), ground_truth=True))

    assert list(rooms.reviews.store.find_counted(1)) == [1]
