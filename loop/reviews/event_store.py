"""All events that Label Studio sent, appended before they are processed."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from loop.label_studio.webhook import keep_used
from loop.secrecy import redact_json
from loop.storage.tables import events
from loop.vision.addresses import identify_all

MOST_CHARACTERS = 64 * 2**20  # JSON of the events that are in memory at once


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One event as Label Studio sent it, without credentials."""

    id: int
    project_id: int
    action: str
    payload: Mapping[str, Any]
    received_at: datetime


@dataclass(frozen=True, slots=True)
class SetAsideEvent:
    """An event that could not be processed completely, with the reason."""

    event: ReceivedEvent
    error: str


class EventStore:
    """The events in the records. An event is identified by its content: a second delivery changes nothing."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def append(self, project_id: int, action: str, payload: Mapping[str, Any]) -> bool:
        """Append the fields of an event that are used; return False if the same event is stored already."""
        clean = _make_storable(redact_json(identify_all(payload)))
        text = json.dumps(clean, sort_keys=True, separators=(",", ":"))
        row = {
            "key": hashlib.sha256(f"{project_id}:{action}:{text}".encode()).hexdigest(),
            "project_id": project_id,
            "action": action,
            "payload": keep_used(action, clean),
            "received_at": datetime.now(UTC),
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(events.insert().values(row))
        except sa.exc.IntegrityError:
            return False
        return True

    def pending(self, project_id: int, *, most: int = 500) -> list[ReceivedEvent]:
        """Return the oldest unprocessed events, at most as many as fit into memory together."""
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
            rows = connection.execute(sa.select(events).where(events.c.id.in_(ids)).order_by(events.c.id))
            return [_read(row) for row in rows]

    def pending_projects(self) -> list[int]:
        """Return the projects with unprocessed events."""
        query = sa.select(events.c.project_id).where(events.c.processed_at.is_(None)).distinct()
        with self._engine.connect() as connection:
            return list(connection.scalars(query))

    def mark_processed(self, ids: Sequence[int], *, error: str | None = None) -> None:
        """Mark events as processed; *error* is the reason if they are set aside."""
        change = events.update().where(events.c.id.in_(ids)).values(processed_at=datetime.now(UTC), error=error)
        with self._engine.begin() as connection:
            connection.execute(change)

    def find_set_aside(self, project_id: int | None = None, *, most: int | None = None) -> list[SetAsideEvent]:
        """Return the events that are set aside and not dismissed, newest first, of one project or of all."""
        query = sa.select(events).where(_is_set_aside(project_id)).order_by(events.c.id.desc()).limit(most)
        with self._engine.connect() as connection:
            return [SetAsideEvent(_read(row), row.error) for row in connection.execute(query)]

    def count_set_aside(self, project_id: int) -> int:
        """Return the number of events that `find_set_aside` finds."""
        query = sa.select(sa.func.count()).select_from(events).where(_is_set_aside(project_id))
        with self._engine.connect() as connection:
            return int(connection.scalar(query) or 0)

    def retry(self, project_id: int, ids: Sequence[int] = ()) -> int:
        """Make events that are set aside pending again, all or by id; return their number."""
        return self._change(project_id, ids, processed_at=None, error=None)

    def dismiss(self, project_id: int, ids: Sequence[int] = ()) -> int:
        """Dismiss events that are set aside, all or by id; return their number. They stay in the records."""
        return self._change(project_id, ids, dismissed_at=datetime.now(UTC))

    def is_overtaken(self, event: ReceivedEvent) -> bool:
        """Whether a later event of the same action was processed, which may have replaced what *event* says."""
        later = (events.c.project_id == event.project_id, events.c.action == event.action, events.c.id > event.id)
        query = sa.select(events.c.id).where(*later, events.c.processed_at.is_not(None), events.c.error.is_(None))
        with self._engine.connect() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def _change(self, project_id: int, ids: Sequence[int], **values: Any) -> int:
        conditions = [_is_set_aside(project_id), *([events.c.id.in_(ids)] if ids else [])]
        with self._engine.begin() as connection:
            return connection.execute(events.update().where(*conditions).values(values)).rowcount

    def last(self, count: int = 5) -> list[tuple[ReceivedEvent, str | None]]:
        """Return the newest events, newest first, each with its error."""
        query = sa.select(events).order_by(events.c.id.desc()).limit(count)
        with self._engine.connect() as connection:
            return [(_read(row), row.error) for row in connection.execute(query)]


def _is_set_aside(project_id: int | None) -> sa.ColumnElement[bool]:
    columns = events.c
    is_of_any = sa.and_(columns.processed_at.is_not(None), columns.error.is_not(None), columns.dismissed_at.is_(None))
    return is_of_any if project_id is None else sa.and_(is_of_any, columns.project_id == project_id)


def _make_storable(value: Any) -> Any:
    """Return the same JSON with NaN and Infinity as text, because not every database has JSON for them."""
    if isinstance(value, Mapping):
        return {key: _make_storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_make_storable(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _read(row: sa.Row[Any]) -> ReceivedEvent:
    return ReceivedEvent(row.id, row.project_id, row.action, row.payload, row.received_at)
