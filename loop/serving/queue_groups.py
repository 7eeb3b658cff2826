"""Groups of tasks that show similar objects; the queue is spread over them."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from loop.storage.tables import reviews
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
        query = sa.select(reviews.c.task_id).where(reviews.c.project_id == project_id).distinct()
        if annotator is not None:
            query = query.where(reviews.c.annotator == annotator)
        with self._engine.connect() as connection:
            return set(connection.scalars(query))

    def replace(self, project_id: int, groups: Mapping[int, int]) -> None:
        """Replace all groups of a project."""
        rows = [{"project_id": project_id, "task_id": task, "number": number} for task, number in groups.items()]
        with self._engine.begin() as connection:
            connection.execute(task_groups.delete().where(task_groups.c.project_id == project_id))
            if rows:
                connection.execute(task_groups.insert(), rows)
