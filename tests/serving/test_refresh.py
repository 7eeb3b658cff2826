"""Predicting the open tasks of a project anew."""

from dataclasses import replace

from loop.draws import draw_number
from loop.label_studio.label_config import parse
from loop.label_studio.tasks import StoredTask
from loop.serving.matching import match_nothing
from loop.serving.pre_annotate import assign_streams, make_log_entries, pre_annotate
from loop.serving.predict import Suggestion
from loop.serving.queue_order import NOTHING_KNOWN, AuditPolicy, QueueOrder, Ranking, audit_draw
from loop.serving.refresh import refresh
from loop.serving.store import AUDIT, QUEUE
from tests.builders import CONFIG, ls_task
from tests.fakes import FakeImages, FakeLabelStudio
from tests.swap import swap


def test_open_tasks_are_predicted_logged_and_followed(ready):
    refresh(ready.serving, 1)

    assert [one["task"] for one in ready.studio.client.stored] == [1, 2, 4, 5]
    assert {one["model_version"] for one in ready.studio.client.stored} == {"yolo_detector@1.0.0"}
    assert all(0 <= one["score"] <= 1 for one in ready.studio.client.stored)
    assert ready.studio.client.fields["model_version"] == "yolo_detector@1.0.0"
    assert len(ready.serving.predictions.of_task(1, 5)) == 1


def test_a_champion_that_is_older_than_a_name_is_understood(ready):
    ready.studio.classes.rename(1, "Car", "Auto")
    ready.studio.projects.save(1, "Cars", CONFIG.replace('"Car"', '"Auto"'))

    refresh(ready.serving, 1)

    labels = {one["value"]["rectanglelabels"][0] for row in ready.studio.client.stored for one in row["result"]}
    assert labels == {"Auto"}


def test_done_twice_it_stores_nothing_twice(ready):
    refresh(ready.serving, 1)
    refresh(ready.serving, 1)

    assert len(ready.studio.client.stored) == 4


def test_a_broken_image_is_told(ready):
    assert "task 3" in refresh(ready.serving, 1)


def test_reviewed_tasks_are_left_alone(ready):
    ready.studio.client.tasks[0]["annotations"] = [{"id": 1}]

    refresh(ready.serving, 1)

    assert [one["task"] for one in ready.studio.client.stored] == [2, 4, 5]


def test_without_a_champion_nothing_is_stored(rooms):
    assert "nothing to predict with" in refresh(rooms.serving, 1)


def test_an_empty_project_is_fine(ready):
    empty = swap(ready, (ready.studio.client, FakeLabelStudio()))

    assert "0 of 0" in refresh(empty.serving, 1)


def test_the_score_of_an_audited_task_does_not_depend_on_what_was_found():
    def logged(score):
        suggestions = [Suggestion(n, "a@1", (), (), 0.25, score if n == 7 else n / 100) for n in range(100)]
        return assign_streams(suggestions, 1, AuditPolicy(0.5), execution="x")

    sure, doubtful = logged(1.0), logged(0.0)

    audited = [one.task_id for one in sure if one.stream == AUDIT]
    assert 30 < len(audited) < 70
    if 7 in audited:
        assert sure[7].score == doubtful[7].score
    else:
        assert (sure[7].score, doubtful[7].score) == (1.0, 0.0)
    assert all(one.propensity == 0.5 for one in sure)


def test_the_queue_is_in_the_order_of_the_setting(ready):
    rooms = swap(ready, (ready.serving.ranking, Ranking(QueueOrder.RANDOM)))

    refresh(rooms.serving, 1)

    stored = {row["task"]: row["score"] for row in rooms.studio.client.stored}
    own = {1, 2, 4, 5} - {task for task in stored if audit_draw(1, task, rooms.serving.policy.audit) is not None}
    assert {task: stored[task] for task in own} == {task: draw_number("queue order", 1, task) for task in own}


def half_audited(rooms):
    return swap(rooms, (rooms.serving.policy, replace(rooms.serving.policy, audit=AuditPolicy(0.5))))


def test_the_audited_tasks_of_a_hard_import_are_placed_among_all_tasks(rooms):
    def imported(score, *tasks):
        return [Suggestion(task, "a@1", (), (), 0.25, score, image="/x") for task in tasks]

    rooms.serving.predictions.append(
        make_log_entries(half_audited(rooms).serving, imported(0.9, *range(100)), 1, execution="x")
    )
    hard = make_log_entries(half_audited(rooms).serving, imported(0.1, *range(100, 200)), 1, execution="y")

    placed = [one.score for one in hard if one.stream == AUDIT]
    assert 0.2 < placed.count(0.9) / len(placed) < 0.8
    assert {one.score for one in hard if one.stream == QUEUE} == {0.1}


def test_an_audited_task_that_cannot_be_read_has_the_score_of_its_audit(ready):
    ids = range(1, 41)
    some_broken, none_broken = (
        swap(half_audited(ready), (ready.vision.images, FakeImages(broken)), (ready.serving.predictions, log))
        for broken, log in ((ids, Forgetful()), ((), Forgetful()))
    )
    served = ready.registry.load(ready.registry.versions.champion(1))

    def scores(rooms):
        tasks = [StoredTask(ls_task(number)) for number in ids]
        answers = pre_annotate(rooms.serving, 1, parse(CONFIG), served, tasks, match=match_nothing)
        return {answer.suggestion.task_id: answer.prediction.score for answer in answers}

    audited = {task for task in ids if audit_draw(1, task, AuditPolicy(0.5)) is not None}
    assert {scores(some_broken)[task] for task in audited} == {scores(none_broken)[task] for task in audited} == {0.9}
    assert {scores(some_broken)[task] for task in set(ids) - audited} == {NOTHING_KNOWN}


class Forgetful:
    """A log in which every task was predicted with the same score."""

    def queue_scores(self, *_):
        return [0.9]

    def append(self, entries, *_):
        return len(entries)


def test_audited_tasks_are_predicted_last(ready):
    ready.studio.client.tasks = [ls_task(number) for number in range(1, 41)]

    refresh(half_audited(ready).serving, 1)

    stored = [one["task"] for one in ready.studio.client.stored]
    streams = [
        row.stream
        for _, row in sorted(ready.serving.predictions.newest(1, stored).items(), key=lambda at: stored.index(at[0]))
    ]
    assert streams == sorted(streams, reverse=True)
    assert set(streams) == {QUEUE, AUDIT}
