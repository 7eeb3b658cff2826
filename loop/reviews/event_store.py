"""All events that Label Studio sent, appended before they are processed."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from loop.errors import RecordsDown
from loop.failures import Fault, attempt
from loop.label_studio.webhook import keep_used
from loop.reviews.event_spool import ArrivedEvent, EventSpool
from loop.secrecy import redact_json
from loop.storage.database import PATIENCE, execute_soon
from loop.storage.tables import events
from loop.vision.addresses import identify_all

MOST_CHARACTERS = 64 * 2**20  # JSON of the events that are in memory at once
INTAKE_SECONDS = 0.2  # that an event waits for the records: Label Studio waits one second for the answer
log = logging.getLogger(__name__)


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


class EventHead(NamedTuple):
    """An event without its payload, with the reason if it could not be processed completely."""

    id: int
    project_id: int
    action: str
    received_at: datetime
    error: str | None


class EventStore:
    """
    The events in the records. An event is identified by its content: a second delivery changes nothing.

    Events that the records do not take in time wait in the *spool*, and are recorded later in the order of arrival.
    """

    def __init__(self, engine: sa.Engine, spool: Path) -> None:
        self.engine, self.spool = engine, EventSpool(spool)
        self._taking_over = threading.Lock()

    def append(self, project_id: int, action: str, payload: Mapping[str, Any]) -> bool:
        """
        Record the fields of an event that are used, or spool them where the records do not take them in time.

        Return False if the same event is recorded already. Raises RecordsDown where neither works.
        """
        event = _arrive(project_id, action, payload)
        if self.spool.is_empty():
            try:
                return self._record(event, INTAKE_SECONDS)
            except RecordsDown as error:
                log.warning("%s of project %d is spooled: %s", action, project_id, error)
        try:
            self.spool.add(event)
        except OSError as error:
            raise RecordsDown(f"the event can be stored neither in the records nor as a file: {error}") from error
        self.take_over(INTAKE_SECONDS)
        return True

    def take_over(self, seconds: float = math.inf) -> bool:
        """
        Record the spooled events, oldest first, for a number of seconds or until the records take no more.

        Return whether the records took all that can be read. Killed anywhere, it records each event once.
        """
        if not self._taking_over.acquire(blocking=False):
            return False
        try:
            return self._take_over(time.monotonic() + seconds, min(seconds, PATIENCE))
        finally:
            self._taking_over.release()

    def _take_over(self, deadline: float, seconds: float) -> bool:
        """Record spooled events until a *deadline*, each within a number of *seconds*; return whether all were done."""
        self.spool.finish_abandoned()
        for path, event in self.spool.waiting():
            try:
                result = attempt(partial(self._record, event, seconds))
            except RecordsDown:
                return False
            if isinstance(result, Fault):
                self.spool.set_aside(path, result.error)
            else:
                self.spool.remove(path)
            if time.monotonic() > deadline:
                return False
        return True

    def _record(self, event: ArrivedEvent, seconds: float) -> bool:
        """Record an event; return False if it is recorded already. Raises RecordsDown after *seconds*."""
        row = {field.name: getattr(event, field.name) for field in fields(event)}
        try:
            execute_soon(self.engine, events.insert().values(row), seconds)
        except sa.exc.IntegrityError:
            return False
        return True

    def pending(self, project_id: int, *, most: int = 500) -> list[ReceivedEvent]:
        """Return the oldest unprocessed events, at most as many as fit into memory together."""
        is_pending = (events.c.project_id == project_id, events.c.processed_at.is_(None))
        size = sa.func.length(sa.cast(events.c.payload, sa.Text))
        query = sa.select(events.c.id, size).where(*is_pending).order_by(events.c.id).limit(most)
        with self.engine.connect() as connection:
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
        with self.engine.connect() as connection:
            return list(connection.scalars(query))

    def mark_processed(self, ids: Sequence[int], *, error: str | None = None) -> None:
        """Mark events as processed; *error* is the reason if they are set aside."""
        change = events.update().where(events.c.id.in_(ids)).values(processed_at=datetime.now(UTC), error=error)
        execute_soon(self.engine, change, PATIENCE)

    def find_set_aside(self, project_id: int | None = None, *, most: int | None = None) -> list[SetAsideEvent]:
        """Return the events that are set aside and not dismissed, newest first, of one project or of all."""
        query = sa.select(events).where(_is_set_aside(project_id)).order_by(events.c.id.desc()).limit(most)
        with self.engine.connect() as connection:
            return [SetAsideEvent(_read(row), row.error) for row in connection.execute(query)]

    def count_set_aside(self, project_id: int) -> int:
        """Return the number of events that `find_set_aside` finds."""
        query = sa.select(sa.func.count()).select_from(events).where(_is_set_aside(project_id))
        with self.engine.connect() as connection:
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
        with self.engine.connect() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def remove_old(self, project_id: int, before: datetime, *, most: int) -> int:
        """
        Remove events of a project that were processed *before* a time, at most *most*; return their number.

        Events that are set aside stay until they are dismissed. The newest processed event of each action stays, see
        `is_overtaken`.
        """
        columns, later = events.c, events.alias().c
        is_over = sa.or_(columns.error.is_(None), columns.dismissed_at.is_not(None))
        is_same = (later.project_id == columns.project_id, later.action == columns.action, later.id > columns.id)
        is_followed = sa.exists().where(*is_same, later.processed_at.is_not(None), later.error.is_(None))
        is_old = (columns.project_id == project_id, columns.processed_at < before, is_over, is_followed)
        ids = sa.select(columns.id).where(*is_old).limit(most)
        with self.engine.begin() as connection:
            return connection.execute(events.delete().where(columns.id.in_(ids))).rowcount

    def _change(self, project_id: int, ids: Sequence[int], **values: Any) -> int:
        conditions = [_is_set_aside(project_id), *([events.c.id.in_(ids)] if ids else [])]
        with self.engine.begin() as connection:
            return connection.execute(events.update().where(*conditions).values(values)).rowcount

    def last(self, count: int = 5) -> list[EventHead]:
        """Return the newest events, newest first, without their payload, which may be large."""
        columns = (events.c[name] for name in EventHead._fields)
        query = sa.select(*columns).order_by(events.c.id.desc()).limit(count)
        with self.engine.connect() as connection:
            return [EventHead(*row) for row in connection.execute(query)]


def _arrive(project_id: int, action: str, payload: Mapping[str, Any]) -> ArrivedEvent:
    """Return an event without credentials, as it arrives now."""
    clean = _make_storable(redact_json(identify_all(payload)))
    text = json.dumps(clean, sort_keys=True, separators=(",", ":"))
    key = hashlib.sha256(f"{project_id}:{action}:{text}".encode()).hexdigest()
    return ArrivedEvent(key, project_id, action, keep_used(action, clean), datetime.now(UTC))


def _is_set_aside(project_id: int | None) -> sa.ColumnElement[bool]:
    columns = events.c
    is_of_any = sa.and_(columns.processed_at.is_not(None), columns.error.is_not(None), columns.dismissed_at.is_(None))
    return is_of_any if project_id is None else sa.and_(is_of_any, columns.project_id == project_id)


def _make_storable(value: Any) -> Any:
    """Return the same JSON with NaN and Infinity as text, because not every database has JSON for them."""
    if isinstance(value, str):  # first, as most values are texts
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {key: _make_storable(item) for key, item in value.items()}
    return [_make_storable(item) for item in value] if isinstance(value, list) else value


def _read(row: sa.Row[Any]) -> ReceivedEvent:
    return ReceivedEvent(row.id, row.project_id, row.action, row.payload, row.received_at)
