"""Chooses the old versions that lose their weights; the row of each stays, and records it."""

from __future__ import annotations

import sqlalchemy as sa

from loop.errors import MissingWeights
from loop.registry.moves import newest_first
from loop.storage.changes import ChangeKind, record_change
from loop.storage.tables import aliases, projects, versions

REMOVED = ""  # in place of the path of the weights


def release(connection: sa.Connection, project_id: int, keep: int, start: str) -> int:
    """
    Record that old versions have no weights any more; return how many lost theirs.

    The newest *keep* versions keep their weights. So do the champion, the version before it, the newest
    candidate, the pinned version, the shadow, and the weights that the project started from, whose version number is
    *start*.
    """
    of_project = versions.c.project_id == project_id
    query = sa.select(versions.c.name).where(of_project, versions.c.weights != REMOVED)
    names = list(connection.scalars(query.order_by(*newest_first(project_id))))
    needed = set(connection.scalars(sa.select(aliases.c.version).where(aliases.c.project_id == project_id)))
    chosen = sa.select(projects.c.pinned, projects.c.shadow).where(projects.c.id == project_id)
    needed |= {name for row in connection.execute(chosen) for name in row}
    old = [name for name in names[keep:] if name not in needed and name.rpartition("@")[2] != start]
    for name in old:
        connection.execute(versions.update().where(of_project, versions.c.name == name).values(weights=REMOVED))
        record_change(connection, project_id, ChangeKind.WEIGHTS, name, None, f"LOOP_KEEP_WEIGHTS={keep}")
    return len(old)


def check(connection: sa.Connection, project_id: int, name: str) -> None:
    """Raise MissingWeights where a version lost its weights."""
    query = sa.select(versions.c.weights).where(versions.c.project_id == project_id, versions.c.name == name)
    if connection.scalar(query) == REMOVED:
        raise describe(name)


def describe(name: str) -> MissingWeights:
    """Return the error of a version without weights."""
    return MissingWeights(f"{name}: its weights were removed (LOOP_KEEP_WEIGHTS); `loop models list` shows the others")
