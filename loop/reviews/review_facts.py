"""Reads single facts of all reviews of a project: how long they took, and who made them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from loop.reviews.standing import is_standing
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

    def read_annotators(self, project_id: int) -> dict[int, int | None]:
        """Return who made each annotation that was not deleted, None where that is not known."""
        query = sa.select(reviews.c.annotation_id, reviews.c.annotator).where(is_standing(project_id))
        with self._engine.connect() as connection:
            return {row.annotation_id: row.annotator for row in connection.execute(query)}
