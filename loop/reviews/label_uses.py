"""Counts the boxes of reviews that have a label."""

from __future__ import annotations

import json
from dataclasses import dataclass

import sqlalchemy as sa

from loop.reviews.standing import is_standing
from loop.storage.queries import PARAMETERS
from loop.storage.tables import reviews


@dataclass(frozen=True, slots=True)
class LabelUse:
    """The number of reviewed boxes that have a label, and of the tasks that they are on."""

    boxes: int
    tasks: int


class LabelUses:
    """The labels of the reviews in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def count(self, project_id: int, label: str) -> LabelUse:
        """Count the boxes with a label in all reviews that were not deleted, also skipped, older and unread ones."""
        columns = (reviews.c.task_id, reviews.c.regions, reviews.c.unread)
        text = json.dumps(label)
        has_text = sa.or_(
            *(sa.cast(column, sa.Text).contains(text, autoescape=True) for column in (columns[1], columns[2]))
        )
        query = sa.select(*columns).where(is_standing(project_id), has_text)
        counts: dict[int, int] = {}
        with self._engine.connect() as connection:
            for row in connection.execution_options(yield_per=PARAMETERS).execute(query):
                boxes = sum(box["label"] == label for box in (*row.regions, *(row.unread or ())))
                counts[row.task_id] = counts.get(row.task_id, 0) + boxes
        return LabelUse(sum(counts.values()), sum(count > 0 for count in counts.values()))
