"""A refresh works batch by batch, while Label Studio lists the tasks, and stops between two batches."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from loop.serving import refresh as refreshing
from loop.serving import store_predictions
from loop.serving.queue_order import AuditPolicy
from loop.serving.refresh import is_due, refresh
from tests.builders import ls_task, region, served
from tests.fakes import FakeImages, FakeLabelStudio
from tests.swap import swap


class Promoting(FakeLabelStudio):
    """A Label Studio during whose first batch of predictions another version is promoted."""

    promote = None

    def store_predictions(self, project_id, predictions):
        stored = super().store_predictions(project_id, predictions)
        if self.promote:
            self.promote()
            self.promote = None
        return stored


@pytest.fixture
def promoting(ready, monkeypatch):
    """Five open tasks in batches of two, one after the other."""
    monkeypatch.setattr(store_predictions, "BATCH", 2)
    monkeypatch.setattr(store_predictions, "AT_ONCE", 1)
    return swap(ready, (ready.studio.client, Promoting([ls_task(n) for n in (1, 2, 4, 5, 6)])))


def test_the_queue_follows_after_the_first_batch(promoting):
    client = promoting.studio.client
    stored_when_followed, update = [], client.update_project

    def note_and_update(*given, **fields):
        stored_when_followed.append(len(client.stored))
        update(*given, **fields)

    client.update_project = note_and_update

    refresh(promoting.serving, 1)

    assert stored_when_followed == [2]
    assert len(client.stored) == 5


def test_a_run_stops_at_the_next_batch_when_another_version_serves(promoting, tmp_path):
    (tmp_path / "new.pt").write_bytes(b"new weights")
    versions = promoting.registry.versions
    new = versions.add(1, tmp_path / "new.pt").name
    promoting.studio.client.promote = lambda: versions.promote(1, new, "better")

    line = refresh(promoting.serving, 1)

    assert line == "yolo_detector@1.0.0: 2 of 5 open tasks predicted, then another version serves"
    assert len(promoting.studio.client.stored) == 2
    assert is_due(promoting.serving, promoting.studio.projects.get(1))
    refresh(promoting.serving, 1)
    assert [one["model_version"] for one in promoting.studio.client.stored[2:]] == [new] * 5
    assert not is_due(promoting.serving, promoting.studio.projects.get(1))


def test_tasks_are_predicted_while_label_studio_lists_the_others(promoting):
    client, stored_when_listed = promoting.studio.client, []

    def list_open(project_id, without=None):
        for task in client.open_tasks(project_id):
            stored_when_listed.append(len(client.stored))
            yield task

    client.open_outlines = list_open

    refresh(promoting.serving, 1)

    assert stored_when_listed[0] == 0
    assert stored_when_listed[-1] >= 2
    assert len(client.stored) == 5


def test_a_version_whose_name_is_a_part_of_another_one_predicts_its_tasks(promoting):
    tasks = promoting.studio.client.tasks
    tasks[0]["predictions"] = [{"id": 1, "model_version": "yolo_detector@1.0.01"}]

    refresh(promoting.serving, 1)

    assert [row["task"] for row in promoting.studio.client.stored] == [2, 4, 6, 1, 5]  # which is in the audit


def test_a_batch_is_predicted_while_another_is_stored(promoting, monkeypatch):
    monkeypatch.setattr(store_predictions, "AT_ONCE", 2)
    seen, store = threading.Event(), promoting.studio.client.store_predictions
    images = FakeImages()
    load = images.load
    images.load = lambda tasks: load([task for task in tasks if task.id != 4 or seen.set() is None])

    def store_after(project_id, predictions):
        assert seen.wait(10)
        return store(project_id, predictions)

    promoting.studio.client.store_predictions = store_after

    refresh(swap(promoting, (promoting.vision.images, images)).serving, 1)

    assert len(promoting.studio.client.stored) == 5


def test_no_two_batches_are_predicted_at_the_same_time(promoting, monkeypatch):
    monkeypatch.setattr(store_predictions, "AT_ONCE", 3)
    images, turn, together = FakeImages(), threading.Lock(), []
    load = images.load

    def load_alone(tasks):
        together.append(not turn.acquire(blocking=False))
        waiting.wait(0.2)  # long enough for another batch to begin
        turn.release()
        return load(tasks)

    waiting, images.load = threading.Event(), load_alone

    refresh(swap(promoting, (promoting.vision.images, images)).serving, 1)

    assert together == [False, False, False]
    assert len(promoting.studio.client.stored) == 5


def test_the_tasks_that_the_former_champion_was_least_certain_of_come_first(promoting):
    unaudited = replace(promoting.serving.policy, audit=AuditPolicy(0.0))
    promoting = swap(promoting, (promoting.serving.policy, unaudited))
    scores = {1: 0.9, 2: 0.2, 4: 0.5, 5: 0.1}
    promoting.serving.predictions.append(
        [replace(served(region("p"), task=task, version="old@1"), score=score) for task, score in scores.items()]
    )

    refresh(promoting.serving, 1)

    assert [row["task"] for row in promoting.studio.client.stored] == [5, 2, 4, 1, 6]


def test_a_long_run_gives_way_to_jobs_that_wait_and_is_asked_for_again(promoting, monkeypatch):
    monkeypatch.setattr(refreshing, "TURN", timedelta())
    promoting.queue.oldest = lambda: datetime.now(UTC) - timedelta(minutes=1)

    line = refresh(promoting.serving, 1)

    assert "it gives way to other jobs" in line
    assert len(promoting.studio.client.stored) < 5
    assert is_due(promoting.serving, promoting.studio.projects.get(1))
    promoting.queue.oldest = lambda: None
    refresh(promoting.serving, 1)
    assert len(promoting.studio.client.stored) == 5


def test_a_run_that_gives_way_stores_what_it_predicted_in_place_of_the_empty_predictions(promoting, monkeypatch):
    monkeypatch.setattr(refreshing, "TURN", timedelta())
    monkeypatch.setattr(store_predictions, "BATCH", 200)
    client, log = promoting.studio.client, promoting.serving.predictions
    for task in client.tasks:
        task["predictions"] = [{"id": 100 + task["id"], "model_version": "yolo_detector@1.0.0", "result": []}]
    promoting.queue.oldest = lambda: datetime.now(UTC) - timedelta(minutes=1) if log.last_id() else None

    line = refresh(promoting.serving, 1)

    assert "it gives way to other jobs" in line
    promoting.queue.oldest = lambda: None
    refresh(promoting.serving, 1)
    boxes = [[len(one["result"]) for one in task["predictions"]] for task in client.tasks]
    assert boxes == [[1]] * 5


def test_an_audited_task_that_is_opened_meanwhile_is_not_predicted_twice(promoting):
    client = promoting.studio.client
    opened = {"id": 9, "model_version": "yolo_detector@1.0.0", "result": [{"id": "a"}]}
    client.promote = lambda: client.tasks[3].setdefault("predictions", []).append(opened)

    refresh(promoting.serving, 1)

    assert [row["task"] for row in client.stored] == [1, 2, 4, 6]  # 5 is in the audit


def test_a_run_says_what_is_done_and_left_in_the_log_and_to_the_queue(promoting, caplog):
    caplog.set_level("INFO", "loop.serving.refresh")

    refresh(promoting.serving, 1)

    notes = promoting.queue.progress
    assert [(job, note.done, note.left) for job, note in notes] == [
        ("refresh-1", 2, 3),
        ("refresh-1", 4, 1),
        ("refresh-1", 5, 0),
    ]
    said = "project 1: yolo_detector@1.0.0 on the open tasks: "
    assert [record.message for record in caplog.records] == [said + note.line for _, note in notes]
