"""Every event that Label Studio sent, appended before anything is done with it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from loop.secrecy import redact_json
from loop.storage.tables import events
from loop.vision.addresses import identify_all

MOST_CHARACTERS = 64 * 2**20  # of events that are in memory together, as JSON


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it was sent, credentials taken out."""

    id: int
    project_id: int
    action: str
    payload: Mapping[str, Any]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class SetAsideEvent:
    """An event of which not everything could be worked on, and why."""

    event: Event
    error: str


class EventLog:
    """The log in the records. An event is known by its content, so a second delivery changes nothing."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def append(self, project_id: int, action: str, payload: Mapping[str, Any]) -> bool:
        """Append an event; return False where it is already there."""
        clean = _storable(redact_json(identify_all(payload)))
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
        """The oldest events that nobody has worked on yet, so many that they fit into memory together."""
        is_pending = (events.c.project_id == project_id, events.c.processed_at.is_(None))
        size = sa.func.length(sa.cast(events.c.payload, sa.Text))
        query = sa.select(events.c.id, size).where(*is_pending).order_by(events.c.id).limit(most)
        with self._engine.connect() as connection:
            ids, left = list[int](), MOST_CHARACTERS
            for event_id, length in connection.execute(query).all():
                left -= length
                if ids and left < 0:
                    break
                ids.append(event_id)
            found = connection.execute(sa.select(events).where(events.c.id.in_(ids)).order_by(events.c.id))
            return [_event(row) for row in found]

    def pending_projects(self) -> list[int]:
        """The projects with events that nobody has worked on yet."""
        query = sa.select(events.c.project_id).where(events.c.processed_at.is_(None)).distinct()
        with self._engine.connect() as connection:
            return list(connection.scalars(query))

    def done(self, ids: Sequence[int], *, error: str | None = None) -> None:
        """Mark events as worked on; *error* says why one is set aside."""
        change = events.update().where(events.c.id.in_(ids)).values(processed_at=datetime.now(UTC), error=error)
        with self._engine.begin() as connection:
            connection.execute(change)

    def set_aside(self, project_id: int | None = None, *, most: int | None = None) -> list[SetAsideEvent]:
        """The events that are set aside and not dismissed, newest first; of a project or of all."""
        query = sa.select(events).where(_is_set_aside(project_id)).order_by(events.c.id.desc()).limit(most)
        with self._engine.connect() as connection:
            return [SetAsideEvent(_event(row), row.error) for row in connection.execute(query)]

    def count_set_aside(self, project_id: int) -> int:
        """How many those are."""
        query = sa.select(sa.func.count()).select_from(events).where(_is_set_aside(project_id))
        with self._engine.connect() as connection:
            return int(connection.scalar(query) or 0)

    def retry(self, project_id: int, ids: Sequence[int] = ()) -> int:
        """Let events that are set aside be worked on again, all of a project or some; return how many."""
        return self._change(project_id, ids, processed_at=None, error=None)

    def dismiss(self, project_id: int, ids: Sequence[int] = ()) -> int:
        """Let events that are set aside lie, all of a project or some; return how many. They stay in the log."""
        return self._change(project_id, ids, dismissed_at=datetime.now(UTC))

    def is_overtaken(self, event: Event) -> bool:
        """Whether a later event of the same action has been worked on: what this one says may be no longer so."""
        later = (events.c.project_id == event.project_id, events.c.action == event.action, events.c.id > event.id)
        query = sa.select(events.c.id).where(*later, events.c.processed_at.is_not(None), events.c.error.is_(None))
        with self._engine.connect() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def _change(self, project_id: int, ids: Sequence[int], **values: Any) -> int:
        is_it = [_is_set_aside(project_id), *([events.c.id.in_(ids)] if ids else [])]
        with self._engine.begin() as connection:
            return connection.execute(events.update().where(*is_it).values(values)).rowcount

    def last(self, count: int = 5) -> list[tuple[Event, str | None]]:
        """The newest events with the error of each, newest first."""
        query = sa.select(events).order_by(events.c.id.desc()).limit(count)
        with self._engine.connect() as connection:
            return [(_event(row), row.error) for row in connection.execute(query)]


def _is_set_aside(project_id: int | None) -> sa.ColumnElement[bool]:
    is_it = sa.and_(events.c.processed_at.is_not(None), events.c.error.is_not(None), events.c.dismissed_at.is_(None))
    return is_it if project_id is None else sa.and_(is_it, events.c.project_id == project_id)


def _storable(value: Any) -> Any:
    """Return the same JSON, as text the numbers that not every database has JSON for: NaN, Infinity."""
    if isinstance(value, Mapping):
        return {key: _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _event(row: sa.Row[Any]) -> Event:
    return Event(row.id, row.project_id, row.action, row.payload, row.received_at)
