"""The audit trail: who changed a project, when and why, from all tables that record changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from loop.storage.changes import changes
from loop.storage.tables import moves
from loop.storage.taxonomy_tables import clusters, taxonomies

KIND_OF_ALIAS = {"champion": "promote", "candidate": "register"}  # `previous` follows from the champion


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """
    One change.

    *who* is empty for a change made before it was recorded. *before* is the value that *after* replaced, None where the
    entry before it in the trail has it.
    """

    at: datetime
    project: int | None  # None: of the installation
    kind: str
    before: Any
    after: Any
    who: str
    why: str


class AuditTrail:
    """The trail in the records; none of its entries is ever changed or removed."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def read(self, project_id: int | None = None, since: datetime | None = None) -> Sequence[AuditEntry]:
        """Return the changes of a project, or of all, since a moment; oldest first."""
        readers = (_read_changes, _read_moves, _read_taxonomies, _read_clusters)
        with self._engine.connect() as connection:
            entries = [entry for read in readers for entry in read(connection, project_id)]
        return sorted((entry for entry in entries if since is None or entry.at >= since), key=lambda entry: entry.at)


def _read_changes(connection: sa.Connection, project_id: int | None) -> Iterator[AuditEntry]:
    for row in _rows(connection, changes, project_id):
        yield AuditEntry(row.changed_at, row.project_id, row.kind, row.before, row.after, row.who, row.why)


def _read_moves(connection: sa.Connection, project_id: int | None) -> Iterator[AuditEntry]:
    for row in _rows(connection, moves, project_id):
        if row.alias in KIND_OF_ALIAS:
            kind = row.kind or KIND_OF_ALIAS[row.alias]
            yield AuditEntry(row.moved_at, row.project_id, kind, None, row.version, row.who or "", row.why)


def _read_taxonomies(connection: sa.Connection, project_id: int | None) -> Iterator[AuditEntry]:
    for row in _rows(connection, taxonomies, project_id):
        after = f"{row.number}, {row.version}"
        yield AuditEntry(row.applied_at, row.project_id, "taxonomy", None, after, row.who or "", row.why)


def _read_clusters(connection: sa.Connection, project_id: int | None) -> Iterator[AuditEntry]:
    for row in _rows(connection, clusters, project_id):
        if row.decided_at:
            after = f"{row.state} to {row.name}" if row.name else row.state
            yield AuditEntry(row.decided_at, row.project_id, "cluster", row.id, after, row.decided_by or "", "")


def _rows(connection: sa.Connection, table: sa.Table, project_id: int | None) -> sa.CursorResult[Any]:
    condition = sa.true() if project_id is None else table.c.project_id == project_id
    return connection.execute(sa.select(table).where(condition))
