"""The missed rate over all tasks, from both streams, of a project whose tasks change."""

from datetime import UTC, datetime

from loop.rates.assess import RatesRequest, assess
from loop.reviews.judging import judge_tasks
from loop.reviews.standing import TASK
from tests.builders import region, review, served


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
