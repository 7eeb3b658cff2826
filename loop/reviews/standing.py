"""Conditions in queries: which reviews were not deleted, are complete, and were compared."""

from __future__ import annotations

import sqlalchemy as sa

from loop.reviews.set_aside import Step
from loop.storage.exchange_tables import set_aside
from loop.storage.queries import is_deleted
from loop.storage.tables import reviews

ANNOTATION, TASK = "annotation", "task"


def is_standing(project_id: int) -> sa.ColumnElement[bool]:
    """Neither the annotation nor its task was deleted after the annotation was made."""
    columns = reviews.c
    annotation_is_gone = is_deleted(ANNOTATION, columns.project_id, columns.annotation_id, columns.created_at)
    task_is_gone = is_deleted(TASK, columns.project_id, columns.task_id, columns.created_at)
    return sa.and_(columns.project_id == project_id, ~annotation_is_gone, ~task_is_gone)


def is_complete() -> sa.ColumnElement[bool]:
    """The same as Review.is_complete."""
    return sa.and_(~reviews.c.is_skipped, sa.or_(reviews.c.is_ground_truth, ~reviews.c.is_unseen))


def is_compared() -> sa.ColumnElement[bool]:
    """The task is not set aside for a review that cannot be read."""
    of_task = (set_aside.c.project_id == reviews.c.project_id, set_aside.c.task_id == reviews.c.task_id)
    return ~sa.exists().where(*of_task, set_aside.c.step == Step.COMPARE.value)
