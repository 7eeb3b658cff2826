"""Which vectors should stand in the collections and how far each is; the collections can be rebuilt from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from loop.references.wanted import Wanted
from loop.regions import Box
from loop.storage.queries import chunks
from loop.storage.vector_tables import planned_tasks, vectors
from loop.vision.embedding import Entry, Kind, Space

RETRY = (60.0, 24 * 3600.0)  # seconds until an image that could not be had is tried again: at first, at most


class State(StrEnum):
    """How far a vector is."""

    DUE = "due"  # to be embedded, or its scalars to be written anew
    DONE = "done"  # acknowledged by Milvus
    GONE = "gone"  # to be deleted
    BROKEN = "broken"  # its image cannot be had; tried again later


@dataclass(frozen=True, slots=True)
class Row:
    """One vector that should be there, as the log has it."""

    wanted: Wanted
    state: State
    tries: int = 0
    error: str = ""


class VectorLog:
    """The log in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def plan(self, project_id: int, space: Space, tasks: Mapping[int, tuple[str, Sequence[Wanted]]]) -> None:
        """
        Set what is wanted of tasks, each with the state its records were in.

        What is wanted anew or otherwise than before becomes due, what is no longer wanted is to be deleted.
        """
        is_it = (vectors.c.project_id == project_id, vectors.c.embedder == space.fingerprint)
        is_planned = (planned_tasks.c.project_id == project_id, planned_tasks.c.embedder == space.fingerprint)
        where = {"project_id": project_id, "embedder": space.fingerprint}
        with self._engine.begin() as connection:
            for some in chunks(tasks):
                known = {
                    (Kind(row.kind), row.key): row
                    for row in connection.execute(sa.select(vectors).where(*is_it, vectors.c.task_id.in_(some)))
                }
                new = {(one.kind, one.entry.key): one for task_id in some for one in tasks[task_id][1]}
                _replace(connection, where, _different(known, new))
                _set(connection, where, [key for key in known if key not in new], state=State.GONE)
                connection.execute(planned_tasks.delete().where(*is_planned, planned_tasks.c.task_id.in_(some)))
                rows = [{**where, "task_id": task_id, "state": tasks[task_id][0]} for task_id in some]
                connection.execute(planned_tasks.insert(), rows)

    def due(self, project_id: int, space: Space, tasks: int) -> list[Row]:
        """Everything due of the next *tasks* tasks: references first, then the surest detections."""
        is_due = _is_due(project_id, space)
        rank = (sa.func.max(vectors.c.kind).desc(), sa.func.max(vectors.c.score).desc(), vectors.c.task_id)
        first = sa.select(vectors.c.task_id).where(is_due).group_by(vectors.c.task_id).order_by(*rank).limit(tasks)
        with self._engine.connect() as connection:
            ids = list(connection.scalars(first))
            query = sa.select(vectors).where(is_due, vectors.c.task_id.in_(ids)).order_by(vectors.c.task_id)
            return [_read(row) for row in connection.execute(query)] if ids else []

    def is_due(self, project_id: int, space: Space) -> bool:
        """Whether anything is to be embedded or deleted."""
        is_it = sa.or_(_is_due(project_id, space), sa.and_(_is_of(project_id, space), vectors.c.state == State.GONE))
        with self._engine.connect() as connection:
            return connection.scalar(sa.select(sa.literal(1)).where(is_it).limit(1)) is not None

    def rows(self, project_id: int, space: Space, state: State, *, most: int | None = None) -> list[Row]:
        """Vectors in a state."""
        query = sa.select(vectors).where(_is_of(project_id, space), vectors.c.state == state).limit(most)
        with self._engine.connect() as connection:
            return [_read(row) for row in connection.execute(query)]

    def of_keys(self, project_id: int, space: Space, kind: Kind, keys: Iterable[str]) -> dict[str, Row]:
        """The vectors of a kind by key."""
        query = sa.select(vectors).where(_is_of(project_id, space), vectors.c.kind == kind)
        with self._engine.connect() as connection:
            rows = [
                _read(row) for some in chunks(keys) for row in connection.execute(query.where(vectors.c.key.in_(some)))
            ]
        return {row.wanted.entry.key: row for row in rows}

    def of_tasks(self, project_id: int, space: Space, task_ids: Iterable[int]) -> list[Row]:
        """The detections of tasks that have a vector."""
        is_done = (vectors.c.kind == Kind.DETECTIONS, vectors.c.state == State.DONE)
        query = sa.select(vectors).where(_is_of(project_id, space), *is_done)
        with self._engine.connect() as connection:
            parts = (connection.execute(query.where(vectors.c.task_id.in_(some))) for some in chunks(task_ids))
            return [_read(row) for some in parts for row in some]

    def keys(self, project_id: int, space: Space, kind: Kind, state: State | None = None) -> set[str]:
        """The keys of a kind, in one state or in any."""
        query = sa.select(vectors.c.key).where(_is_of(project_id, space), vectors.c.kind == kind)
        if state is not None:
            query = query.where(vectors.c.state == state)
        with self._engine.connect() as connection:
            return set(connection.scalars(query))

    def tasks(self, project_id: int, space: Space) -> set[int]:
        """The tasks with vectors."""
        query = sa.select(vectors.c.task_id).where(_is_of(project_id, space)).distinct()
        with self._engine.connect() as connection:
            return set(connection.scalars(query))

    def with_crops(self, project_id: int, space: Space, crops: Iterable[str]) -> dict[str, tuple[Kind, str]]:
        """A kind and key under which Milvus may have the vector of each crop already."""
        query = sa.select(vectors.c.crop, vectors.c.kind, vectors.c.key).where(_is_of(project_id, space))
        found: dict[str, tuple[Kind, str]] = {}
        with self._engine.connect() as connection:
            for some in chunks(set(crops)):
                done = connection.execute(query.where(vectors.c.crop.in_(some), vectors.c.state == State.DONE))
                found |= {row.crop: (Kind(row.kind), row.key) for row in done}
        return found

    def set(self, project_id: int, space: Space, rows: Sequence[Row], state: State) -> None:
        """Put vectors into a state, with no error."""
        self._set(project_id, space, [(row.wanted.kind, row.wanted.entry.key) for row in rows], state)

    def lost(self, project_id: int, space: Space, kind: Kind, keys: Iterable[str]) -> None:
        """Have vectors that Milvus no longer has made again."""
        self._set(project_id, space, [(kind, key) for key in keys], State.DUE)

    def broken(self, project_id: int, space: Space, rows: Sequence[Row], error: str) -> None:
        """Remember why the vectors of an image cannot be made, and try again later, each time later still."""
        if not rows:
            return
        tries = 1 + max(row.tries for row in rows)
        later = datetime.now(UTC) + timedelta(seconds=min(RETRY[1], RETRY[0] * 4 ** (tries - 1)))
        where = {"project_id": project_id, "embedder": space.fingerprint}
        keys = [(row.wanted.kind, row.wanted.entry.key) for row in rows]
        with self._engine.begin() as connection:
            _set(connection, where, keys, state=State.BROKEN, tries=tries, due_at=later, error=error)

    def remove(self, project_id: int, space: Space, rows: Sequence[Row]) -> None:
        """Forget vectors that were deleted."""
        where = {"project_id": project_id, "embedder": space.fingerprint}
        with self._engine.begin() as connection:
            _delete(connection, where, [(row.wanted.kind, row.wanted.entry.key) for row in rows])

    def forget(self, project_id: int, fingerprint: str) -> None:
        """Forget all that was planned for an embedder."""
        with self._engine.begin() as connection:
            for table in (vectors, planned_tasks):
                is_it = (table.c.project_id == project_id, table.c.embedder == fingerprint)
                connection.execute(table.delete().where(*is_it))

    def counts(self, project_id: int, space: Space) -> list[tuple[Kind, str, str, State, int]]:
        """How many vectors there are of each kind, label, verdict and state."""
        columns = (vectors.c.kind, vectors.c.label, vectors.c.verdict, vectors.c.state)
        query = sa.select(*columns, sa.func.count()).where(_is_of(project_id, space)).group_by(*columns)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(*columns)).all()
        return [(Kind(kind), label, verdict, State(state), int(count)) for kind, label, verdict, state, count in rows]

    def _set(self, project_id: int, space: Space, keys: Sequence[tuple[Kind, str]], state: State) -> None:
        where = {"project_id": project_id, "embedder": space.fingerprint}
        made_at = datetime.now(UTC) if state == State.DONE else None
        with self._engine.begin() as connection:
            _set(connection, where, keys, state=state, tries=0, due_at=None, error=None, made_at=made_at)


Known = Mapping[tuple[Kind, str], sa.Row[Any]]
New = Mapping[tuple[Kind, str], Wanted]


def _different(known: Known, new: New) -> list[Wanted]:
    """What is wanted otherwise than it stands."""
    return [
        one
        for at, one in new.items()
        if at not in known or known[at].state == State.GONE or _read(known[at]).wanted != one
    ]


def _replace(connection: sa.Connection, where: Mapping[str, Any], wanted: Sequence[Wanted]) -> None:
    _delete(connection, where, [(one.kind, one.entry.key) for one in wanted])
    if wanted:
        connection.execute(vectors.insert(), [{**where, **_row(one), "state": State.DUE, "tries": 0} for one in wanted])


def _delete(connection: sa.Connection, where: Mapping[str, Any], keys: Sequence[tuple[Kind, str]]) -> None:
    for condition in _those(where, keys):
        connection.execute(vectors.delete().where(condition))


def _set(connection: sa.Connection, where: Mapping[str, Any], keys: Sequence[tuple[Kind, str]], **values: Any) -> None:
    for condition in _those(where, keys):
        connection.execute(vectors.update().where(condition).values(**values))


def _those(where: Mapping[str, Any], keys: Sequence[tuple[Kind, str]]) -> Iterable[sa.ColumnElement[bool]]:
    for kind in Kind:
        for some in chunks(key for at, key in keys if at == kind):
            is_it = (vectors.c[name] == value for name, value in where.items())
            yield sa.and_(*is_it, vectors.c.kind == kind, vectors.c.key.in_(some))


def _is_of(project_id: int, space: Space) -> sa.ColumnElement[bool]:
    return sa.and_(vectors.c.project_id == project_id, vectors.c.embedder == space.fingerprint)


def _is_due(project_id: int, space: Space) -> sa.ColumnElement[bool]:
    is_retried = sa.and_(vectors.c.state == State.BROKEN, vectors.c.due_at <= datetime.now(UTC))
    return sa.and_(_is_of(project_id, space), sa.or_(vectors.c.state == State.DUE, is_retried))


def _row(one: Wanted) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "key": one.entry.key,
        "crop": one.crop,
        "task_id": one.entry.task,
        "image": one.image,
        "box": [one.box.x0, one.box.y0, one.box.x1, one.box.y1],
        "region": one.entry.region,
        "label": one.entry.label,
        "version": one.entry.version,
        "score": one.entry.score,
        "verdict": one.entry.verdict,
    }


def _read(row: sa.Row[Any]) -> Row:
    entry = Entry(row.key, row.task_id, row.region, row.label, row.version, row.score, row.verdict)
    wanted = Wanted(Kind(row.kind), row.crop, row.image, Box(*row.box), entry)
    return Row(wanted, State(row.state), row.tries, row.error or "")
