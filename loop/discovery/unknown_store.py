"""Reads the unknown boxes of a project from the records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from loop.discovery.tracking import Member
from loop.references.entries import CollectionKind
from loop.references.vector_store import VectorState
from loop.regions import Box
from loop.reviews.verdicts import Decision
from loop.storage.taxonomy_tables import matches
from loop.storage.vector_tables import vectors
from loop.vision.embedding import Space

UNCONFIRMED = ("", Decision.FALSE_POSITIVE)  # verdicts; a deleted box may show an object without a label


class UnknownStore:
    """The unknown boxes of the records; all of them have a vector in Milvus."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def find_detections(self, project_id: int, space: Space, most: int | None = None) -> list[Member]:
        """Return detections that no reviewer kept and that match no node, highest score first."""
        is_matched = sa.exists().where(
            matches.c.project_id == vectors.c.project_id,
            matches.c.embedder == vectors.c.embedder,
            matches.c.detection == vectors.c.key,
            matches.c.node.is_not(None),
        )
        query = _select_done(project_id, space, CollectionKind.DETECTIONS).where(
            vectors.c.verdict.in_(UNCONFIRMED), ~is_matched
        )
        return self._read(query.order_by(vectors.c.score.desc(), vectors.c.key).limit(most))

    def find_missed(self, project_id: int, space: Space, labels: Iterable[str]) -> list[Member]:
        """Return references of missed objects whose label is not in *labels*."""
        known = set(labels)
        query = _select_done(project_id, space, CollectionKind.REFERENCES).where(vectors.c.verdict == Decision.MISSED)
        return [member for member in self._read(query.order_by(vectors.c.key)) if member.label not in known]

    def _read(self, query: sa.Select[Any]) -> list[Member]:
        with self._engine.connect() as connection:
            return [_read_member(row) for row in connection.execute(query)]


def _select_done(project_id: int, space: Space, kind: CollectionKind) -> sa.Select[Any]:
    conditions = (vectors.c.project_id == project_id, vectors.c.embedder == space.fingerprint, vectors.c.kind == kind)
    return sa.select(vectors).where(*conditions, vectors.c.state == VectorState.DONE)


def _read_member(row: sa.Row[Any]) -> Member:
    box = Box(*row.box)
    return Member(row.key, row.crop, row.task_id, row.image, box, row.region, row.label, row.score)
