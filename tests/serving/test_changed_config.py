"""Open tasks are predicted as label config and data say now, also those that the version predicted before."""

from dataclasses import replace

import pytest

from loop.errors import UpstreamError
from loop.registry.store import VersionFacts
from loop.serving import store_predictions
from loop.serving.queue_order import AuditPolicy, audit_draw
from loop.serving.refresh import is_due, refresh
from loop.serving.store_predictions import Batches
from tests.builders import CONFIG
from tests.reviews.builders import take
from tests.swap import swap

VEHICLE = CONFIG.replace('"Car"', '"Vehicle"')
SHOWING_LITTLE = CONFIG.replace('toName="image"', 'toName="image" model_score_threshold="0.95"')


def labels(rooms):
    """The labels of each stored prediction, by task."""
    return {
        task["id"]: [[item["value"]["rectanglelabels"] for item in each["result"]] for each in task["predictions"]]
        for task in rooms.studio.client.tasks
        if task["id"] != 3  # its image is broken
    }


def change(rooms, config):
    take(rooms, {"action": "PROJECT_UPDATED", "project": {"id": 1, "title": "Cars", "label_config": config}})


@pytest.fixture
def ready(ready, tmp_path):
    """The version knows its classes, as each that was made since they are recorded."""
    facts = VersionFacts(classes=("car", "person", "dog"))
    name = ready.registry.versions.add(1, tmp_path / "some.pt", facts).name
    ready.registry.versions.promote(1, name, "its classes are known")
    return ready


@pytest.fixture
def begin(ready):
    def begun(config):
        for task in ready.studio.client.tasks:
            task |= {"total_annotations": 0, "cancelled_annotations": 0, "draft_exists": False}
        change(ready, config)
        refresh(ready.serving, 1)
        assert set(map(str, labels(ready).values())) == {"[[]]"}
        ready.queue.asked.clear()

    return begun


@pytest.mark.parametrize(
    ("before", "after", "label"),
    [
        pytest.param(VEHICLE, VEHICLE.replace('"Vehicle"', '"Vehicle" predicted_values="car"'), "Vehicle", id="class"),
        pytest.param(SHOWING_LITTLE, CONFIG, "Car", id="threshold"),
    ],
)
def test_what_the_doctor_advises_shows_boxes_on_open_tasks(ready, begin, before, after, label):
    begin(before)

    change(ready, after)
    assert ("refresh", 1) in ready.queue.asked
    refresh(ready.serving, 1)
    stored = labels(ready)
    refresh(ready.serving, 1)

    assert stored == labels(ready) == {task: [[[label]]] for task in (1, 2, 4, 5)}


def test_outdated_predictions_are_removed_together_and_those_of_others_stay(ready, begin, monkeypatch):
    begin(VEHICLE)
    others = {"id": 900, "model_version": "imported", "result": []}
    ready.studio.client.tasks[0]["predictions"].append(others)
    change(ready, CONFIG)
    together, delete = [], ready.studio.client.delete_predictions
    monkeypatch.setattr(
        ready.studio.client, "delete_predictions", lambda project, ids: together.extend(ids) or delete(project, ids)
    )

    refresh(ready.serving, 1)

    assert sorted(together) == [2, 4, 5]
    assert labels(ready) == {1: [[], [["Car"]]], **{task: [[["Car"]]] for task in (2, 4, 5)}}


def test_a_task_whose_image_was_replaced_is_predicted_again(ready):
    refresh(ready.serving, 1)
    for task in ready.studio.client.tasks:
        task |= {"total_annotations": 0, "cancelled_annotations": 0, "draft_exists": False}
    ready.studio.client.tasks[1]["data"] = {"image": "/data/upload/1/other.jpg"}
    stored = len(ready.studio.client.stored)

    refresh(ready.serving, 1)
    refresh(ready.serving, 1)

    assert [row["task"] for row in ready.studio.client.stored[stored:]] == [2]
    assert labels(ready) == {task: [[["Car"]]] for task in (1, 2, 4, 5)}


def test_tasks_whose_predictions_a_person_deletes_are_predicted_again(ready):
    refresh(ready.serving, 1)
    for task in ready.studio.client.tasks:
        task["predictions"] = []

    refresh(ready.serving, 1)

    assert labels(ready) == {task: [[["Car"]]] for task in (1, 2, 4, 5)}


def test_a_task_that_somebody_has_begun_keeps_its_prediction(ready, begin):
    begin(VEHICLE)
    ready.studio.client.tasks[0]["draft_exists"] = True

    change(ready, CONFIG)
    refresh(ready.serving, 1)

    assert labels(ready) == {1: [[]], **{task: [[["Car"]]] for task in (2, 4, 5)}}


def test_tasks_whose_new_predictions_were_logged_and_not_stored_wait_for_them(ready, begin, monkeypatch):
    begin(VEHICLE)
    change(ready, CONFIG)

    def fail(*_):
        raise UpstreamError("Label Studio is down")

    with monkeypatch.context() as down:
        down.setattr(ready.studio.client, "store_predictions", fail)
        with pytest.raises(UpstreamError):
            refresh(ready.serving, 1)
    refresh(ready.serving, 1)

    assert labels(ready) == {task: [[["Car"]]] for task in (1, 2, 4, 5)}


def test_a_change_during_a_run_ends_it_and_the_next_run_predicts_by_it(ready, begin, monkeypatch):
    begin(VEHICLE)
    change(ready, SHOWING_LITTLE)
    monkeypatch.setattr(store_predictions, "BATCH", 2)
    monkeypatch.setattr(store_predictions, "AT_ONCE", 1)
    client, delete = ready.studio.client, ready.studio.client.delete_predictions

    def change_and_delete(project_id, task_ids):
        client.delete_predictions = delete
        change(ready, CONFIG)
        return delete(project_id, task_ids)

    client.delete_predictions = change_and_delete

    assert "then the label config is another one" in refresh(ready.serving, 1)
    assert is_due(ready.serving, ready.studio.projects.get(1))
    refresh(ready.serving, 1)

    assert labels(ready) == {task: [[["Car"]]] for task in (1, 2, 4, 5)}


def test_an_audited_task_that_is_begun_during_the_run_keeps_its_prediction(ready, begin, monkeypatch):
    begin(VEHICLE)
    change(ready, CONFIG)
    policy = replace(ready.serving.policy, audit=AuditPolicy(0.2))
    audited = [task for task in (1, 2, 4, 5) if audit_draw(1, task, policy.audit) is not None]
    client, store = ready.studio.client, ready.studio.client.store_predictions

    def begin_and_store(*given):
        for task in client.tasks:
            task["draft_exists"] = True
        return store(*given)

    monkeypatch.setattr(client, "store_predictions", begin_and_store)
    refresh(swap(ready, (ready.serving.policy, policy)).serving, 1)

    assert 0 < len(audited) < 4
    assert labels(ready) == {task: [[]] if task in audited else [[["Car"]]] for task in (1, 2, 4, 5)}


@pytest.mark.parametrize("is_recorded", [True, False], ids=["", "classes-not-recorded"])
@pytest.mark.parametrize("new", ["<Header value='Look closely'/>", "<Label value='Bicycle'/>"], ids=["text", "label"])
def test_a_change_that_predicts_alike_costs_no_prediction(ready, begin, monkeypatch, new, is_recorded):
    if not is_recorded:
        ready.registry.versions.promote(1, "yolo_detector@1.0.0", "as in an old home")
    begin(VEHICLE)
    change(ready, VEHICLE.replace('<Label value="Person"/>', f'<Label value="Person"/>{new}'))
    worked = []
    monkeypatch.setattr(Batches, "_work", lambda self, batch, turn: worked.extend(batch))

    with pytest.raises(AttributeError):  # the broken image alone is tried again
        refresh(ready.serving, 1)

    assert [task.id for task in worked] == [3]
