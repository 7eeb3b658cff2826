"""Reads facts of all reviews of a project: how long they took, who made them, and which tasks have several."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from loop.label_studio.payloads import Review
from loop.reviews import review_row
from loop.reviews.standing import is_compared, is_complete, is_standing
from loop.storage.tables import reviews


@dataclass(frozen=True, slots=True)
class LeadTime:
    """One review that a person made in the editor: when it was last changed, and its *seconds*, None if not known."""

    ended_at: datetime
    seconds: float | None


class ReviewFacts:
    """Reads from the records, a few columns of each review."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def read_lead_times(self, project_id: int) -> list[LeadTime]:
        """Return every review that was not deleted, oldest first; also skipped ones, which took time as well."""
        is_by_hand = (~reviews.c.is_imported, ~reviews.c.is_unseen)
        query = sa.select(reviews.c.updated_at, reviews.c.lead_time).where(is_standing(project_id), *is_by_hand)
        with self._engine.connect() as connection:
            return [LeadTime(*row) for row in connection.execute(query.order_by(reviews.c.updated_at))]

    def find_newest(self, project_id: int) -> datetime | None:
        """Return when the newest review was recorded; later reviews have a later time."""
        query = sa.select(sa.func.max(reviews.c.recorded_at)).where(reviews.c.project_id == project_id)
        with self._engine.connect() as connection:
            newest: datetime | None = connection.scalar(query)
        return newest

    def read_annotators(self, project_id: int) -> dict[int, int | None]:
        """Return who made each annotation that was not deleted, None where that is not known."""
        query = sa.select(reviews.c.annotation_id, reviews.c.annotator).where(is_standing(project_id))
        with self._engine.connect() as connection:
            return {row.annotation_id: row.annotator for row in connection.execute(query)}

    def read_shared(self, project_id: int, task_id: int | None = None) -> list[Review]:
        """Return the reviews of every task, or one, that has two or more which are complete and read whole, by task."""
        is_of = sa.true() if task_id is None else reviews.c.task_id == task_id
        is_whole = (is_standing(project_id), is_complete(), is_compared(), reviews.c.unread.is_(None), is_of)
        tasks = sa.select(reviews.c.task_id).where(*is_whole).group_by(reviews.c.task_id).having(sa.func.count() > 1)
        query = sa.select(reviews).where(*is_whole, reviews.c.task_id.in_(tasks))
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(reviews.c.task_id, reviews.c.annotation_id))
            return [review_row.read(row) for row in rows]
