"""The tasks whose prediction was accepted as it is: an annotation that is no review."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from loop.reviews import review_row
from loop.reviews.review_store import CountedReview
from loop.reviews.standing import TASK, is_standing
from loop.storage.changes import ChangeKind, record_change
from loop.storage.exchange_tables import accepted_tasks
from loop.storage.queries import begin_alone, chunked, is_deleted
from loop.storage.tables import reviews, splits


@dataclass(frozen=True, slots=True)
class AcceptedTask:
    """
    A task accepted by a dry run's *token*, with the logged prediction and the limit by which it was accepted.

    *annotation_id* is None until Label Studio is known to have the annotation.
    """

    task_id: int
    token: str
    version: str
    prediction_id: int
    certainty: float
    most_boxes: int
    annotation_id: int | None = None


class AcceptedStore:
    """The accepted tasks in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def read(self, project_id: int, token: str | None = None) -> list[AcceptedTask]:
        """Return the accepted tasks, of one dry run or of all, by task."""
        columns = [accepted_tasks.c[name] for name in AcceptedTask.__slots__]
        query = sa.select(*columns).where(accepted_tasks.c.project_id == project_id)
        if token is not None:
            query = query.where(accepted_tasks.c.token == token)
        with self._engine.connect() as connection:
            return [AcceptedTask(*row) for row in connection.execute(query.order_by(accepted_tasks.c.task_id))]

    def read_trainable(self, project_id: int) -> dict[int, CountedReview]:
        """
        Return the accepted annotations that nobody has changed or removed, by task, to be trained on.

        Those of held-out tasks, and of annotations that are not read whole, are left out.
        """
        columns, accepted = reviews.c, accepted_tasks.c
        is_accepted = (columns.project_id == accepted.project_id, columns.annotation_id == accepted.annotation_id)
        is_as_made = (columns.created_at == accepted.annotation_made_at, columns.task_id == accepted.task_id)
        is_unchanged = (columns.is_unseen, ~columns.is_skipped, ~columns.is_ground_truth, columns.unread.is_(None))
        of_task = (splits.c.project_id == columns.project_id, splits.c.task_id == columns.task_id)
        is_held_out = sa.exists().where(*of_task, splits.c.side == "held_out")
        query = sa.select(reviews).where(
            *is_accepted, *is_as_made, *is_unchanged, is_standing(project_id), ~is_held_out
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(columns.task_id)).all()
        return {row.task_id: CountedReview(review_row.read(row), row.data) for row in rows}

    def find_in_datasets(self, project_id: int) -> set[int]:
        """Return the tasks that were in a dataset: a version may know their images, also when they are open again."""
        with self._engine.connect() as connection:
            return set(connection.scalars(sa.select(splits.c.task_id).where(splits.c.project_id == project_id)))

    def find_gone(self, project_id: int) -> set[int]:
        """Return the accepted tasks that were deleted since: a task with such an id is another one."""
        with self._engine.connect() as connection:
            return set(connection.scalars(sa.select(accepted_tasks.c.task_id).where(_is_gone(project_id))))

    def begin(self, project_id: int, tasks: Sequence[AcceptedTask], facts: dict[str, Any]) -> None:
        """Record the tasks before Label Studio is asked, all or none; *facts* on them go into the audit trail."""
        with begin_alone(self._engine, project_id) as connection:
            for some_ids in chunked(task.task_id for task in tasks):
                connection.execute(
                    accepted_tasks.delete().where(_is_gone(project_id), accepted_tasks.c.task_id.in_(some_ids))
                )
            known = sa.select(accepted_tasks.c.task_id).where(accepted_tasks.c.project_id == project_id)
            taken = set(connection.scalars(known))
            rows = [{**asdict(task), "project_id": project_id} for task in tasks if task.task_id not in taken]
            for some_rows in chunked(rows):
                connection.execute(accepted_tasks.insert(), some_rows)
            record_change(connection, project_id, ChangeKind.ACCEPTED, None, facts)

    def fill_in(self, project_id: int, task: AcceptedTask, annotation_id: int, made_at: datetime) -> bool:
        """Record the annotation that Label Studio has; return False if the task was undone meanwhile."""
        change = accepted_tasks.update().where(
            *_is_of(project_id, [task.task_id]), accepted_tasks.c.token == task.token
        )
        with self._engine.begin() as connection:
            row = {"annotation_id": annotation_id, "annotation_made_at": made_at}
            return connection.execute(change.values(row)).rowcount > 0

    def remove(self, project_id: int, task_ids: Iterable[int], facts: dict[str, Any] | None = None) -> None:
        """Remove tasks that are not accepted, or no more; *facts* on an undo go into the audit trail."""
        with self._engine.begin() as connection:
            for some_ids in chunked(task_ids):
                connection.execute(accepted_tasks.delete().where(*_is_of(project_id, some_ids)))
            record_change(connection, project_id, ChangeKind.ACCEPTED, facts, None)


def _is_gone(project_id: int) -> sa.ColumnElement[bool]:
    columns = accepted_tasks.c
    is_gone = is_deleted(TASK, columns.project_id, columns.task_id, columns.annotation_made_at)
    return sa.and_(columns.project_id == project_id, is_gone)


def _is_of(project_id: int, task_ids: Sequence[int]) -> tuple[sa.ColumnElement[bool], ...]:
    return accepted_tasks.c.project_id == project_id, accepted_tasks.c.task_id.in_(task_ids)
