"""Builds reviewed tasks."""

from loop.reviews.judging import judge_tasks
from tests.builders import region, review, served

IMAGE = "/data/upload/1/a.jpg"
WEEK = 7 * 24 * 60  # minutes


def reviewed(rooms, task, *left, label="Car", week=0, data=None, version="a@1", stream="queue", **fields):
    """One task with one predicted box, reviewed some weeks after noon of the 1st of January 2026."""
    rooms.serving.predictions.append(
        [served(region(f"p{task}", label=label), task=task, stream=stream, version=version)]
    )
    left_regions = [region(f"p{task}", label=name) for name in left]
    rooms.reviews.store.record(
        review(*left_regions, task=task, annotation=task, minutes=week * WEEK + task, **fields),
        {"image": IMAGE, **(data or {})},
    )
    judge_tasks(rooms.reviews, 1, [task])
