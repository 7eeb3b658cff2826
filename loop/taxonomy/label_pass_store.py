"""Stores the last pass over the open tasks of each project that gave them labels by references."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from loop.storage.taxonomy_tables import label_passes


@dataclass(frozen=True, slots=True)
class LabelPass:
    """
    One pass. *state* names the version, the embedder and the references that it voted with.

    It saw the vectors of detections that were made until *seen_until*; None: there were none.
    """

    state: str
    seen_until: datetime | None
    seconds: float
    ended_at: datetime


class LabelPassStore:
    """The passes in the records, the last one of each project."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def last(self, project_id: int) -> LabelPass | None:
        """Return the last pass of a project; None before the first one."""
        query = sa.select(label_passes).where(label_passes.c.project_id == project_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return LabelPass(row.state, row.seen_until, row.seconds, row.ended_at) if row else None

    def replace(self, project_id: int, last: LabelPass) -> None:
        """Record a pass in place of the one before it."""
        values = {
            "state": last.state,
            "seen_until": last.seen_until,
            "seconds": last.seconds,
            "ended_at": last.ended_at,
        }
        with self._engine.begin() as connection:
            connection.execute(label_passes.delete().where(label_passes.c.project_id == project_id))
            connection.execute(label_passes.insert().values(project_id=project_id, **values))
