"""The boxes that nothing has a name for, as the records say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from loop.discovery.tracking import Member
from loop.references.vector_store import State
from loop.regions import Box
from loop.reviews.verdicts import Decision
from loop.storage.taxonomy_tables import matches
from loop.storage.vector_tables import vectors
from loop.vision.embedding import Kind, Space

UNCONFIRMED = ("", Decision.FALSE_POSITIVE)  # a deleted box may show what there was no label for


class UnknownList:
    """Reads what concerns the unknown of the vectors and their matches; all of it is in Milvus."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def detections(self, project_id: int, space: Space, most: int | None = None) -> list[Member]:
        """Detections that no reviewer kept, with no match or with none to a node, the surest first."""
        is_matched = sa.exists().where(
            matches.c.project_id == vectors.c.project_id,
            matches.c.embedder == vectors.c.embedder,
            matches.c.detection == vectors.c.key,
            matches.c.node.is_not(None),
        )
        query = _done(project_id, space, Kind.DETECTIONS).where(vectors.c.verdict.in_(UNCONFIRMED), ~is_matched)
        return self._read(query.order_by(vectors.c.score.desc(), vectors.c.key).limit(most))

    def missed(self, project_id: int, space: Space, labels: Iterable[str]) -> list[Member]:
        """References that nothing was predicted for, with another label than *labels*."""
        known = set(labels)
        query = _done(project_id, space, Kind.REFERENCES).where(vectors.c.verdict == Decision.MISSED)
        return [one for one in self._read(query.order_by(vectors.c.key)) if one.label not in known]

    def _read(self, query: sa.Select[Any]) -> list[Member]:
        with self._engine.connect() as connection:
            return [_member(row) for row in connection.execute(query)]


def _done(project_id: int, space: Space, kind: Kind) -> sa.Select[Any]:
    is_it = (vectors.c.project_id == project_id, vectors.c.embedder == space.fingerprint, vectors.c.kind == kind)
    return sa.select(vectors).where(*is_it, vectors.c.state == State.DONE)


def _member(row: sa.Row[Any]) -> Member:
    box = Box(*row.box)
    return Member(row.key, row.crop, row.task_id, row.image, box, row.region, row.label, row.score)
