"""Every event that Label Studio sent, appended before anything is done with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from loop.adapters.tables import events
from loop.secrecy import redact_json


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it was sent, credentials taken out."""

    id: int
    project_id: int
    action: str
    payload: Mapping[str, Any]
    received_at: datetime


class EventLog:
    """The log in the records. An event is known by its content, so a second delivery changes nothing."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def append(self, project_id: int, action: str, payload: Mapping[str, Any]) -> bool:
        """Append an event; return False where it is already there."""
        clean = redact_json(payload)
        text = json.dumps(clean, sort_keys=True, separators=(",", ":"))
        row = {
            "key": hashlib.sha256(f"{project_id}:{action}:{text}".encode()).hexdigest(),
            "project_id": project_id,
            "action": action,
            "payload": clean,
            "received_at": datetime.now(UTC),
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(events.insert().values(row))
        except sa.exc.IntegrityError:
            return False
        return True

    def pending(self, project_id: int, *, most: int = 500) -> list[Event]:
        """The oldest events that nobody has worked on yet."""
        query = (
            sa.select(events)
            .where(events.c.project_id == project_id, events.c.processed_at.is_(None))
            .order_by(events.c.id)
            .limit(most)
        )
        with self._engine.connect() as connection:
            return [_event(row) for row in connection.execute(query)]

    def pending_projects(self) -> list[int]:
        """The projects with events that nobody has worked on yet."""
        query = sa.select(events.c.project_id).where(events.c.processed_at.is_(None)).distinct()
        with self._engine.connect() as connection:
            return list(connection.scalars(query))

    def done(self, ids: Sequence[int], *, error: str | None = None) -> None:
        """Mark events as worked on; *error* says why one could not be read."""
        change = events.update().where(events.c.id.in_(ids)).values(processed_at=datetime.now(UTC), error=error)
        with self._engine.begin() as connection:
            connection.execute(change)

    def last(self, count: int = 5) -> list[tuple[Event, str | None]]:
        """The newest events with the error of each, newest first."""
        query = sa.select(events).order_by(events.c.id.desc()).limit(count)
        with self._engine.connect() as connection:
            return [(_event(row), row.error) for row in connection.execute(query)]


def _event(row: sa.Row[Any]) -> Event:
    return Event(row.id, row.project_id, row.action, row.payload, row.received_at)
