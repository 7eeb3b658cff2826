"""Conditions in queries: which reviews were not deleted, are complete, and were compared."""

from __future__ import annotations

import sqlalchemy as sa

from loop.reviews.set_aside import Step
from loop.storage.exchange_tables import set_aside
from loop.storage.queries import is_review_deleted
from loop.storage.tables import reviews

ANNOTATION, TASK = "annotation", "task"


def is_standing(project_id: int) -> sa.ColumnElement[bool]:
    """Neither the annotation nor its task was deleted after the annotation was made."""
    return sa.and_(reviews.c.project_id == project_id, ~is_review_deleted(reviews))


def is_complete() -> sa.ColumnElement[bool]:
    """The same as Review.is_complete."""
    return sa.and_(~reviews.c.is_skipped, sa.or_(reviews.c.is_ground_truth, ~reviews.c.is_unseen))


def is_compared() -> sa.ColumnElement[bool]:
    """The task is not set aside for a review that cannot be read."""
    of_task = (set_aside.c.project_id == reviews.c.project_id, set_aside.c.task_id == reviews.c.task_id)
    return ~sa.exists().where(*of_task, set_aside.c.step == Step.COMPARE.value)


def is_beside_known() -> sa.ColumnElement[bool]:
    """Another annotation of the task is starred, which makes that one count."""
    star = reviews.alias()
    of_task = (star.c.project_id == reviews.c.project_id, star.c.task_id == reviews.c.task_id, star.c.is_ground_truth)
    return sa.and_(~reviews.c.is_ground_truth, sa.exists().where(*of_task, ~is_review_deleted(star)))
