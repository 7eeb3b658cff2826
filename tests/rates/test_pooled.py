"""The missed rate over all tasks, from both streams, of a project whose tasks change."""

from dataclasses import replace
from datetime import UTC, datetime

from loop.rates.assess import RatesRequest, assess
from loop.reviews.judging import judge_tasks
from loop.reviews.standing import TASK
from loop.serving.store import AUDIT, QUEUE
from tests.builders import box, region, review, served

ELSEWHERE = region("new", at=box(0.6, 0.6, 0.9, 0.9))


def predicted(rooms, tasks, stream, score):
    for task in tasks:
        prediction = served(region(f"p{task}", score=score), task=task, version="a@1", stream=stream)
        rooms.serving.predictions.append([replace(prediction, score=score)])


def reviewed(rooms, tasks, *more, **fields):
    for task in tasks:
        made = review(region(f"p{task}"), *more, task=task, annotation=task, **fields)
        rooms.reviews.store.record(made, {"image": "/data/upload/1/a.jpg"})
        judge_tasks(rooms.reviews, 1, [task])


def pooled(rooms):
    (group,) = assess(rooms.rates, 1, RatesRequest()).groups
    return group.pooled


def test_an_import_says_nothing_of_what_was_missed_and_its_image_is_none_without_objects(rooms):
    predicted(rooms, range(1, 11), QUEUE, 0.3)
    predicted(rooms, range(11, 21), AUDIT, 0.9)
    predicted(rooms, range(21, 61), QUEUE, 0.9)
    reviewed(rooms, range(1, 11))
    reviewed(rooms, range(11, 21), ELSEWHERE)
    before = pooled(rooms)

    predicted(rooms, range(61, 81), AUDIT, 0.9)
    reviewed(rooms, range(61, 81), ELSEWHERE, is_imported=True)

    assert before.share > 0.4
    assert pooled(rooms) == before


def test_deleted_tasks_do_not_keep_a_queue_from_being_done(rooms):
    """All tasks that are left were reviewed, so that the rate is known exactly, without an audit."""
    for task in range(1, 21):
        rooms.serving.predictions.append([served(region(f"p{task}"), task=task, version="a@1")])
    for task in range(1, 18):
        left = region(f"p{task}"), *([region("new")] if task == 1 else [])
        rooms.reviews.store.record(review(*left, task=task, annotation=task), {"image": "/data/upload/1/a.jpg"})
        judge_tasks(rooms.reviews, 1, [task])

    rooms.reviews.store.delete(1, TASK, dict.fromkeys((18, 19, 20), datetime.now(UTC)))

    (group,) = assess(rooms.rates, 1, RatesRequest()).groups
    assert (group.pooled.share, group.pooled.interval.high) == (1 / 18, 1 / 18)
