"""The log of all moves of aliases to versions; each alias is where its last move left it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from loop.storage.tables import aliases, moves, versions

CHAMPION, PREVIOUS, CANDIDATE = "champion", "previous", "candidate"


class MoveKind(StrEnum):
    """Why an alias moves."""

    REGISTER = "register"
    PROMOTE = "promote"
    ROLL_BACK = "roll back"


class MoveLog:
    """The log in the records; the registry appends to it in the transaction that moves the alias."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def of_version(self, project_id: int, name: str) -> Sequence[str]:
        """Return one line for each move of an alias to a version: the time, the alias and the reason; oldest first."""
        query = sa.select(moves).where(moves.c.project_id == project_id, moves.c.version == name).order_by(moves.c.id)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [f"{row.moved_at:%Y-%m-%d %H:%M:%S} {row.alias}: {row.why}" for row in rows]

    def why_serves(self, project_id: int) -> str:
        """Return the reason of the move that made the champion serve; empty where no version serves."""
        query = sa.select(moves.c.why).where(*_is_of_champion(project_id)).order_by(moves.c.id.desc()).limit(1)
        with self._engine.connect() as connection:
            return connection.scalar(query) or ""

    def has_served(self, project_id: int, name: str) -> bool:
        """Whether a version is or ever was the champion."""
        query = sa.select(moves.c.id).where(*_is_of_champion(project_id), moves.c.version == name)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def champion_names(self) -> dict[int, str]:
        """Return the name of the version that serves each project, without projects where none does."""
        query = sa.select(aliases.c.project_id, aliases.c.version).where(aliases.c.alias == CHAMPION)
        with self._engine.connect() as connection:
            return {row.project_id: row.version for row in connection.execute(query)}

    def former_champions(self, project_id: int, *, before: str) -> dict[str, datetime]:
        """Return when each former champion stopped serving; *before* is the name that served before the first move."""
        query = sa.select(moves).where(*_is_of_champion(project_id)).order_by(moves.c.id)
        moments: dict[str, datetime] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                moments[before] = row.moved_at
                moments.pop(row.version, None)
                before = row.version
        return moments

    def last(self, project_id: int) -> int:
        """Return the number of the move that made the champion serve; 0 where no version serves."""
        query = sa.select(sa.func.max(moves.c.id)).where(*_is_of_champion(project_id))
        with self._engine.connect() as connection:
            return int(connection.scalar(query) or 0)


def newest_first(project_id: int) -> list[sa.ColumnElement[Any]]:
    """Return columns by which the versions of a project sort as they were registered, whatever the clock was."""
    is_of_version = (moves.c.project_id == project_id, moves.c.version == versions.c.name)
    first = sa.select(sa.func.min(moves.c.id)).where(*is_of_version).scalar_subquery()
    return [column.desc() for column in (sa.func.coalesce(first, 0), versions.c.created_at, versions.c.name)]


def serve(connection: sa.Connection, project_id: int, name: str, why: str, kind: MoveKind) -> None:
    """Make a version the champion, and the former champion `previous`; do nothing where it is the champion already."""
    query = sa.select(aliases.c.version).where(aliases.c.project_id == project_id, aliases.c.alias == CHAMPION)
    champion = connection.scalar(query)
    if champion == name:
        return
    if champion:
        move(connection, project_id, PREVIOUS, champion, why, kind)
    move(connection, project_id, CHAMPION, name, why, kind)


def move(connection: sa.Connection, project_id: int, alias: str, version: str, why: str, kind: MoveKind) -> None:
    """Point an alias at a version, and log the move."""
    is_alias = sa.and_(aliases.c.project_id == project_id, aliases.c.alias == alias)
    connection.execute(aliases.delete().where(is_alias))
    row = {"project_id": project_id, "alias": alias, "version": version}
    connection.execute(aliases.insert().values(row))
    connection.execute(moves.insert().values(**row, kind=kind, why=why, moved_at=datetime.now(UTC)))


def _is_of_champion(project_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    return moves.c.project_id == project_id, moves.c.alias == CHAMPION
