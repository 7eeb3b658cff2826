"""The boxes that have a vector, in pages of one label by confidence, from the records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from loop.references.entries import CollectionKind
from loop.references.vector_store import VectorState
from loop.storage.vector_tables import vectors
from loop.vision.embedding import Space


class BoxOrder(StrEnum):
    """The order of boxes by the confidence of the detector."""

    SUREST = "surest"
    LEAST_SURE = "least-sure"


@dataclass(frozen=True, slots=True)
class StoredBox:
    """
    A box of a task as the records have it; *key* is that of its vector.

    *score* is 0 for a box that a person drew; *verdict* is empty if nobody reviewed it.
    """

    key: str
    task_id: int
    region: str
    label: str
    score: float
    verdict: str
    version: str


class BoxStore:
    """The wanted vectors in the records, as boxes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def count_labels(self, project_id: int, space: Space, kind: CollectionKind) -> dict[str, int]:
        """Count the boxes of each label, the label with most of them first."""
        count = sa.func.count()
        query = sa.select(vectors.c.label, count).where(_is_of(project_id, space, kind)).group_by(vectors.c.label)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(count.desc(), vectors.c.label))
            return {label: int(number) for label, number in rows}

    def page(
        self,
        project_id: int,
        space: Space,
        kind: CollectionKind,
        labels: Sequence[str],
        order: BoxOrder,
        *,
        offset: int,
        most: int,
    ) -> list[StoredBox]:
        """Return the boxes that have one of the labels from the place *offset* of an order, at most so many."""
        score = vectors.c.score.desc() if order == BoxOrder.SUREST else vectors.c.score
        query = sa.select(vectors).where(_is_of(project_id, space, kind), vectors.c.label.in_(labels))
        query = query.order_by(score, vectors.c.task_id, vectors.c.key).offset(offset).limit(most)
        with self._engine.connect() as connection:
            return [_read(row) for row in connection.execute(query)]

    def of_keys(self, project_id: int, space: Space, kind: CollectionKind, keys: Sequence[str]) -> list[StoredBox]:
        """Return the boxes that exist of some keys, in the order of the keys."""
        query = sa.select(vectors).where(_is_of(project_id, space, kind), vectors.c.key.in_(keys))
        with self._engine.connect() as connection:
            boxes = {row.key: _read(row) for row in connection.execute(query)}
        return [boxes[key] for key in keys if key in boxes]

    def find(self, project_id: int, space: Space, task_id: int, region_id: str) -> dict[CollectionKind, StoredBox]:
        """Return the boxes of a region: the predicted and the reviewed, as far as they have a vector."""
        of_region = (vectors.c.task_id == task_id, vectors.c.region == region_id)
        of_task = (vectors.c.project_id == project_id, vectors.c.embedder == space.fingerprint, *of_region)
        query = sa.select(vectors).where(*of_task, vectors.c.state != VectorState.GONE)
        with self._engine.connect() as connection:
            return {CollectionKind(row.kind): _read(row) for row in connection.execute(query)}


def _is_of(project_id: int, space: Space, kind: CollectionKind) -> sa.ColumnElement[bool]:
    return sa.and_(
        vectors.c.project_id == project_id,
        vectors.c.embedder == space.fingerprint,
        vectors.c.kind == kind,
        vectors.c.state != VectorState.GONE,
    )


def _read(row: sa.Row[Any]) -> StoredBox:
    return StoredBox(row.key, row.task_id, row.region, row.label, row.score, row.verdict, row.version)
