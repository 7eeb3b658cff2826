"""Counts the references of labels, and finds the tasks whose detections got vectors."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from loop.references.entries import CollectionKind
from loop.references.vector_store import VectorState
from loop.storage.vector_tables import vectors
from loop.vision.embedding import Space


class LabelCounts:
    """The vectors that Milvus acknowledged, in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def of_labels(
        self, project_id: int, space: Space, labels: Iterable[str], until: datetime | None = None
    ) -> dict[str, int]:
        """Count the references that have one of the labels, by label; those as they were made *until* a moment."""
        is_wanted = (*_is_made(project_id, space, CollectionKind.REFERENCES), vectors.c.label.in_(list(labels)))
        is_old = sa.true() if until is None else sa.or_(vectors.c.made_at.is_(None), vectors.c.made_at <= until)
        query = sa.select(vectors.c.label, sa.func.count()).where(*is_wanted, is_old).group_by(vectors.c.label)
        with self._engine.connect() as connection:
            return {label: int(count) for label, count in connection.execute(query)}

    def find_newest(self, project_id: int, space: Space, voted: Iterable[str]) -> datetime | None:
        """
        Return when the newest vector of a detection was made, without those whose label is one of *voted*.

        A vector gets a new time when its label changes: that of a label that a vote gave is no news for the vote.
        """
        is_wanted = (*_is_made(project_id, space, CollectionKind.DETECTIONS), vectors.c.label.not_in(list(voted)))
        with self._engine.connect() as connection:
            newest: datetime | None = connection.scalar(sa.select(sa.func.max(vectors.c.made_at)).where(*is_wanted))
        return newest

    def find_tasks(self, project_id: int, space: Space, since: datetime | None) -> set[int]:
        """Return the tasks with a vector of a detection that was made *since* a moment, or ever."""
        is_made = _is_made(project_id, space, CollectionKind.DETECTIONS)
        is_new = sa.true() if since is None else vectors.c.made_at > since
        with self._engine.connect() as connection:
            return set(connection.scalars(sa.select(vectors.c.task_id).where(*is_made, is_new).distinct()))


def _is_made(project_id: int, space: Space, kind: CollectionKind) -> tuple[sa.ColumnElement[bool], ...]:
    is_of = (vectors.c.project_id == project_id, vectors.c.embedder == space.fingerprint, vectors.c.kind == kind)
    return (*is_of, vectors.c.state == VectorState.DONE)
