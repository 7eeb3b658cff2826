"""Stores the last of each kind that a job prepared for a person to decide on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from loop.storage.taxonomy_tables import taxonomy_previews


class PreviewKind(StrEnum):
    """What a job prepared, or what it came to."""

    CALIBRATION = "calibration"  # thresholds
    CHANGES = "changes"  # of matches
    OUTCOME = "outcome"  # of the last change of matches, or of its undo


@dataclass(frozen=True, slots=True)
class Preview:
    """The JSON *content* that a job wrote; with a key `error` if it failed."""

    content: Mapping[str, Any]
    made_at: datetime


class PreviewStore:
    """The previews in the records, one of each kind for a project."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def put(self, project_id: int, kind: PreviewKind, content: Mapping[str, Any]) -> None:
        """Record a preview in place of the one before it."""
        values = {"project_id": project_id, "kind": kind, "content": dict(content), "made_at": datetime.now(UTC)}
        with self._engine.begin() as connection:
            connection.execute(taxonomy_previews.delete().where(_is_of(project_id, kind)))
            connection.execute(taxonomy_previews.insert().values(**values))

    def read(self, project_id: int, kind: PreviewKind) -> Preview | None:
        """Return the last preview of a kind; None if no job made one."""
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(taxonomy_previews).where(_is_of(project_id, kind))).one_or_none()
        return Preview(row.content, row.made_at) if row else None


def _is_of(project_id: int, kind: PreviewKind) -> sa.ColumnElement[bool]:
    return sa.and_(taxonomy_previews.c.project_id == project_id, taxonomy_previews.c.kind == kind)
