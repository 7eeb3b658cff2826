"""Counts the events that were refused, for the doctor: Label Studio shows nobody that they were."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from loop.errors import RecordsDown
from loop.storage.database import begin_soon
from loop.storage.exchange_tables import refusals
from loop.storage.tables import events, projects

PAUSE = 1.0  # seconds between two writes: whoever sends rubbish makes no more of them
MOST_WAITING = 100  # projects in one write


@dataclass(frozen=True, slots=True)
class RefusedEvents:
    """At least how many events of a project were refused since *first_at*, and the *reason* for the last one."""

    count: int
    reason: str
    first_at: datetime
    last_at: datetime
    accepted_at: datetime | None  # when the newest event was appended


class RefusalStore:
    """The refused events in the records, only of projects that are connected: anybody can name any other."""

    def __init__(self, engine: sa.Engine, events_engine: sa.Engine) -> None:
        self._engine, self._events_engine = engine, events_engine
        self._lock, self._written_at = threading.Lock(), -PAUSE
        self._waiting: dict[int, tuple[int, str]] = {}

    def add(self, project_id: int, reason: str) -> None:
        """Count a refused event; the counts of a second are written together, and the last ones with the next."""
        with self._lock:
            count, _ = self._waiting.get(project_id, (0, ""))
            if count or len(self._waiting) < MOST_WAITING:
                self._waiting[project_id] = (count + 1, reason)
            if time.monotonic() - self._written_at < PAUSE:
                return
        self.flush()

    def flush(self) -> None:
        """Write the counts that wait. Raises RecordsDown; what could not be written waits on then."""
        with self._lock:
            waiting, self._waiting, self._written_at = self._waiting, {}, time.monotonic()
        try:
            while waiting:
                project_id, (count, reason) = next(iter(waiting.items()))
                self._write(project_id, count, reason)
                del waiting[project_id]
        except RecordsDown:
            with self._lock:
                for project_id, (count, reason) in waiting.items():
                    later, last_reason = self._waiting.get(project_id, (0, reason))
                    self._waiting[project_id] = (count + later, last_reason)
            raise

    def of(self, project_id: int) -> RefusedEvents | None:
        """Return the refused events of a project; None where none was refused."""
        newest = sa.select(sa.func.max(events.c.received_at)).where(events.c.project_id == project_id)
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(refusals).where(refusals.c.project_id == project_id)).one_or_none()
        if row is None:
            return None
        with self._events_engine.connect() as connection:
            accepted_at = connection.scalar(newest)
        return RefusedEvents(row.refused, row.reason, row.first_at, row.last_at, accepted_at)

    def _write(self, project_id: int, count: int, reason: str) -> None:
        now = datetime.now(UTC)
        last = {"reason": reason, "last_at": now}
        change = refusals.update().where(refusals.c.project_id == project_id)
        values = {**last, "project_id": project_id, "refused": count, "first_at": now}
        was_first = suppress(sa.exc.IntegrityError)  # another process
        with was_first, begin_soon(self._engine, PAUSE) as connection:
            if connection.execute(change.values(**last, refused=refusals.c.refused + count)).rowcount:
                return
            if connection.scalar(sa.select(projects.c.id).where(projects.c.id == project_id)) is not None:
                connection.execute(refusals.insert().values(values))
