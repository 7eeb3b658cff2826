"""Groups of tasks that show similar objects; the queue is spread over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from loop.storage.queries import chunked, is_review_deleted
from loop.storage.tables import reviews, splits, trainings
from loop.storage.taxonomy_tables import task_groups


class GroupStore:
    """The groups of the last discovery, in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def all(self, project_id: int) -> dict[int, int]:
        """Return the number of each task's group."""
        query = sa.select(task_groups.c.task_id, task_groups.c.number).where(task_groups.c.project_id == project_id)
        with self._engine.connect() as connection:
            return {row.task_id: row.number for row in connection.execute(query)}

    def find_reviewed(self, project_id: int, annotator: int | None = None) -> set[int]:
        """Return the tasks that somebody, or one annotator, has annotated or skipped."""
        query = (
            sa.select(reviews.c.task_id)
            .where(reviews.c.project_id == project_id, ~is_review_deleted(reviews))
            .distinct()
        )
        if annotator is not None:
            query = query.where(reviews.c.annotator == annotator)
        with self._engine.connect() as connection:
            return set(connection.scalars(query))

    def find_known(self, project_id: int, task_ids: Sequence[int]) -> set[int]:
        """Return those of the tasks that have a known answer: an annotation that is starred and was not deleted."""
        return self._find_reviewed_so(project_id, task_ids, reviews.c.is_ground_truth)

    def find_learnt(self, project_id: int, version: str, task_ids: Sequence[int]) -> set[int]:
        """Return those of the tasks that still have an annotation of the dataset that a version was trained on."""
        columns = reviews.c
        of_version = (trainings.c.project_id == project_id, trainings.c.version == version)
        until = sa.select(sa.func.max(trainings.c.reviews_until)).where(*of_version).scalar_subquery()
        of_task = (splits.c.project_id == columns.project_id, splits.c.task_id == columns.task_id)
        is_trained_on = sa.exists().where(*of_task, splits.c.side == "train")
        is_whole = (~columns.is_skipped, ~columns.is_unseen, columns.unread.is_(None))
        return self._find_reviewed_so(project_id, task_ids, columns.created_at <= until, is_trained_on, *is_whole)

    def _find_reviewed_so(
        self, project_id: int, task_ids: Sequence[int], *conditions: sa.ColumnElement[bool]
    ) -> set[int]:
        columns = reviews.c
        query = sa.select(columns.task_id).where(
            columns.project_id == project_id, *conditions, ~is_review_deleted(reviews)
        )
        with self._engine.connect() as connection:
            chunks = (connection.scalars(query.where(columns.task_id.in_(ids))) for ids in chunked(task_ids))
            return {task_id for chunk in chunks for task_id in chunk}

    def replace(self, project_id: int, groups: Mapping[int, int]) -> None:
        """Replace all groups of a project."""
        rows = [{"project_id": project_id, "task_id": task, "number": number} for task, number in groups.items()]
        with self._engine.begin() as connection:
            connection.execute(task_groups.delete().where(task_groups.c.project_id == project_id))
            if rows:
                connection.execute(task_groups.insert(), rows)
