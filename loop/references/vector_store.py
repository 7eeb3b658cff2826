"""The vectors that the collections should have, with their states; collections can be rebuilt from these rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from loop.references.entries import CollectionKind, Entry
from loop.references.wanted import WantedVector
from loop.regions import Box
from loop.storage.queries import chunked
from loop.storage.vector_tables import planned_tasks, vectors
from loop.vision.embedding import Space

VectorKey = tuple[CollectionKind, str]
RETRY = (60.0, 24 * 3600.0)  # seconds until a failed image is tried again: first, longest


class VectorState(StrEnum):
    """The state of a vector."""

    DUE = "due"  # to be embedded, or its scalars to be rewritten
    DONE = "done"  # acknowledged by Milvus
    GONE = "gone"  # to be deleted
    BROKEN = "broken"  # its image cannot be read; tried again later


@dataclass(frozen=True, slots=True)
class VectorRow:
    """One wanted vector in the records."""

    wanted: WantedVector
    state: VectorState
    tries: int = 0
    error: str = ""


class VectorStore:
    """The wanted vectors in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def plan(self, project_id: int, space: Space, tasks: Mapping[int, tuple[str, Sequence[WantedVector]]]) -> None:
        """
        Record the wanted vectors of tasks, each task with the state of its records.

        New or changed entries become DUE; entries no longer wanted become GONE.
        """
        is_known = (vectors.c.project_id == project_id, vectors.c.embedder == space.fingerprint)
        is_planned = (planned_tasks.c.project_id == project_id, planned_tasks.c.embedder == space.fingerprint)
        where = {"project_id": project_id, "embedder": space.fingerprint}
        with self._engine.begin() as connection:
            for batch in chunked(tasks):
                known = {
                    (CollectionKind(row.kind), row.key): row
                    for row in connection.execute(sa.select(vectors).where(*is_known, vectors.c.task_id.in_(batch)))
                }
                new = {(entry.kind, entry.entry.key): entry for task_id in batch for entry in tasks[task_id][1]}
                _replace(connection, where, _select_changed(known, new))
                _set(connection, where, [key for key in known if key not in new], state=VectorState.GONE)
                connection.execute(planned_tasks.delete().where(*is_planned, planned_tasks.c.task_id.in_(batch)))
                rows = [{**where, "task_id": task_id, "state": tasks[task_id][0]} for task_id in batch]
                connection.execute(planned_tasks.insert(), rows)

    def read_due(self, project_id: int, space: Space, tasks: int) -> list[VectorRow]:
        """Return the due vectors of the next *tasks* tasks: references first, then the surest detections."""
        is_due = _is_due(project_id, space)
        rank = (sa.func.max(vectors.c.kind).desc(), sa.func.max(vectors.c.score).desc(), vectors.c.task_id)
        first = sa.select(vectors.c.task_id).where(is_due).group_by(vectors.c.task_id).order_by(*rank).limit(tasks)
        with self._engine.connect() as connection:
            ids = list(connection.scalars(first))
            query = sa.select(vectors).where(is_due, vectors.c.task_id.in_(ids)).order_by(vectors.c.task_id)
            return [_read(row) for row in connection.execute(query)] if ids else []

    def is_due(self, project_id: int, space: Space) -> bool:
        """Return whether any vector is to be embedded or deleted."""
        condition = sa.or_(
            _is_due(project_id, space), sa.and_(_is_of(project_id, space), vectors.c.state == VectorState.GONE)
        )
        with self._engine.connect() as connection:
            return connection.scalar(sa.select(sa.literal(1)).where(condition).limit(1)) is not None

    def read(self, project_id: int, space: Space, state: VectorState, *, most: int | None = None) -> list[VectorRow]:
        """Return the vectors in a state."""
        query = sa.select(vectors).where(_is_of(project_id, space), vectors.c.state == state).limit(most)
        with self._engine.connect() as connection:
            return [_read(row) for row in connection.execute(query)]

    def of_keys(self, project_id: int, space: Space, kind: CollectionKind, keys: Iterable[str]) -> dict[str, VectorRow]:
        """Return the vectors of a kind, by key."""
        query = sa.select(vectors).where(_is_of(project_id, space), vectors.c.kind == kind)
        with self._engine.connect() as connection:
            results = (connection.execute(query.where(vectors.c.key.in_(batch))) for batch in chunked(keys))
            rows = [_read(row) for result in results for row in result]
        return {row.wanted.entry.key: row for row in rows}

    def of_tasks(self, project_id: int, space: Space, task_ids: Iterable[int]) -> list[VectorRow]:
        """Return the detections of tasks that have a vector."""
        is_done = (vectors.c.kind == CollectionKind.DETECTIONS, vectors.c.state == VectorState.DONE)
        query = sa.select(vectors).where(_is_of(project_id, space), *is_done)
        with self._engine.connect() as connection:
            results = (connection.execute(query.where(vectors.c.task_id.in_(batch))) for batch in chunked(task_ids))
            return [_read(row) for result in results for row in result]

    def keys(self, project_id: int, space: Space, kind: CollectionKind, state: VectorState | None = None) -> set[str]:
        """Return the keys of a kind, in one state or in any."""
        query = sa.select(vectors.c.key).where(_is_of(project_id, space), vectors.c.kind == kind)
        if state is not None:
            query = query.where(vectors.c.state == state)
        with self._engine.connect() as connection:
            return set(connection.scalars(query))

    def tasks(self, project_id: int, space: Space) -> set[int]:
        """Return the tasks with vectors."""
        query = sa.select(vectors.c.task_id).where(_is_of(project_id, space)).distinct()
        with self._engine.connect() as connection:
            return set(connection.scalars(query))

    def with_crops(self, project_id: int, space: Space, crops: Iterable[str]) -> dict[str, VectorKey]:
        """Map each crop to a kind and key under which Milvus may already have its vector."""
        query = sa.select(vectors.c.crop, vectors.c.kind, vectors.c.key).where(_is_of(project_id, space))
        keys_by_crop: dict[str, VectorKey] = {}
        with self._engine.connect() as connection:
            for batch in chunked(set(crops)):
                rows = connection.execute(query.where(vectors.c.crop.in_(batch), vectors.c.state == VectorState.DONE))
                keys_by_crop |= {row.crop: (CollectionKind(row.kind), row.key) for row in rows}
        return keys_by_crop

    def set(self, project_id: int, space: Space, rows: Sequence[VectorRow], state: VectorState) -> None:
        """Set the state of vectors, and clear their errors."""
        self._set(project_id, space, [(row.wanted.kind, row.wanted.entry.key) for row in rows], state)

    def mark_lost(self, project_id: int, space: Space, kind: CollectionKind, keys: Iterable[str]) -> None:
        """Mark vectors that Milvus lost as due."""
        self._set(project_id, space, [(kind, key) for key in keys], VectorState.DUE)

    def mark_broken(self, project_id: int, space: Space, rows: Sequence[VectorRow], error: str) -> None:
        """Record why the vectors of an image cannot be made, and when to try again: each time later."""
        if not rows:
            return
        tries = 1 + max(row.tries for row in rows)
        later = datetime.now(UTC) + timedelta(seconds=min(RETRY[1], RETRY[0] * 4 ** (tries - 1)))
        where = {"project_id": project_id, "embedder": space.fingerprint}
        keys = [(row.wanted.kind, row.wanted.entry.key) for row in rows]
        with self._engine.begin() as connection:
            _set(connection, where, keys, state=VectorState.BROKEN, tries=tries, due_at=later, error=error)

    def remove(self, project_id: int, space: Space, rows: Sequence[VectorRow]) -> None:
        """Remove deleted vectors from the records."""
        where = {"project_id": project_id, "embedder": space.fingerprint}
        with self._engine.begin() as connection:
            _delete(connection, where, [(row.wanted.kind, row.wanted.entry.key) for row in rows])

    def forget(self, project_id: int, fingerprint: str) -> None:
        """Remove all plans for an embedder."""
        with self._engine.begin() as connection:
            for table in (vectors, planned_tasks):
                conditions = (table.c.project_id == project_id, table.c.embedder == fingerprint)
                connection.execute(table.delete().where(*conditions))

    def counts(self, project_id: int, space: Space) -> list[tuple[CollectionKind, str, str, VectorState, int]]:
        """Count the vectors of each kind, label, verdict and state."""
        columns = (vectors.c.kind, vectors.c.label, vectors.c.verdict, vectors.c.state)
        query = sa.select(*columns, sa.func.count()).where(_is_of(project_id, space)).group_by(*columns)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(*columns)).all()
        return [
            (CollectionKind(kind), label, verdict, VectorState(state), n) for kind, label, verdict, state, n in rows
        ]

    def _set(self, project_id: int, space: Space, keys: Sequence[VectorKey], state: VectorState) -> None:
        where = {"project_id": project_id, "embedder": space.fingerprint}
        made_at = datetime.now(UTC) if state == VectorState.DONE else None
        with self._engine.begin() as connection:
            _set(connection, where, keys, state=state, tries=0, due_at=None, error=None, made_at=made_at)


Known = Mapping[VectorKey, sa.Row[Any]]
New = Mapping[VectorKey, WantedVector]


def _select_changed(known: Known, new: New) -> list[WantedVector]:
    """Return the wanted entries that are new, GONE or different in the records."""
    return [
        entry
        for key, entry in new.items()
        if key not in known or known[key].state == VectorState.GONE or _read(known[key]).wanted != entry
    ]


def _replace(connection: sa.Connection, where: Mapping[str, Any], wanted: Sequence[WantedVector]) -> None:
    _delete(connection, where, [(entry.kind, entry.entry.key) for entry in wanted])
    if wanted:
        connection.execute(
            vectors.insert(), [{**where, **_row(entry), "state": VectorState.DUE, "tries": 0} for entry in wanted]
        )


def _delete(connection: sa.Connection, where: Mapping[str, Any], keys: Sequence[VectorKey]) -> None:
    for condition in _key_conditions(where, keys):
        connection.execute(vectors.delete().where(condition))


def _set(connection: sa.Connection, where: Mapping[str, Any], keys: Sequence[VectorKey], **values: Any) -> None:
    for condition in _key_conditions(where, keys):
        connection.execute(vectors.update().where(condition).values(**values))


def _key_conditions(where: Mapping[str, Any], keys: Sequence[VectorKey]) -> Iterable[sa.ColumnElement[bool]]:
    for kind in CollectionKind:
        for batch in chunked(key for at, key in keys if at == kind):
            conditions = (vectors.c[name] == value for name, value in where.items())
            yield sa.and_(*conditions, vectors.c.kind == kind, vectors.c.key.in_(batch))


def _is_of(project_id: int, space: Space) -> sa.ColumnElement[bool]:
    return sa.and_(vectors.c.project_id == project_id, vectors.c.embedder == space.fingerprint)


def _is_due(project_id: int, space: Space) -> sa.ColumnElement[bool]:
    is_retried = sa.and_(vectors.c.state == VectorState.BROKEN, vectors.c.due_at <= datetime.now(UTC))
    return sa.and_(_is_of(project_id, space), sa.or_(vectors.c.state == VectorState.DUE, is_retried))


def _row(wanted: WantedVector) -> dict[str, Any]:
    return {
        "kind": wanted.kind,
        "key": wanted.entry.key,
        "crop": wanted.crop,
        "task_id": wanted.entry.task,
        "image": wanted.image,
        "box": list(wanted.box.sides),
        "region": wanted.entry.region,
        "label": wanted.entry.label,
        "version": wanted.entry.version,
        "score": wanted.entry.score,
        "verdict": wanted.entry.verdict,
    }


def _read(row: sa.Row[Any]) -> VectorRow:
    entry = Entry(row.key, row.task_id, row.region, row.label, row.version, row.score, row.verdict)
    wanted = WantedVector(CollectionKind(row.kind), row.crop, row.image, Box(*row.box), entry)
    return VectorRow(wanted, VectorState(row.state), row.tries, row.error or "")
