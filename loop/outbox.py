"""What happened here that others may want to know, and its deliveries to their receivers."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from loop.notices import Notice, plain
from loop.secrecy import redact_texts
from loop.storage.exchange_tables import deliveries, notices


class DeliveryState(StrEnum):
    """How far a delivery came."""

    DELIVERED = "delivered"
    WAITING = "waiting"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice on its way to one receiver; *status* and *error* are of the last attempt."""

    notice: Notice
    url: str
    attempts: int
    due_at: datetime | None
    delivered_at: datetime | None
    status: int | None
    error: str | None

    @property
    def state(self) -> DeliveryState:
        """How far it came."""
        if self.delivered_at:
            return DeliveryState.DELIVERED
        return DeliveryState.WAITING if self.due_at else DeliveryState.GIVEN_UP


class Outbox:
    """Notices in the records, each due to every receiver there was when it was posted."""

    def __init__(self, engine: sa.Engine, receivers: Sequence[str]) -> None:
        self._engine, self.receivers = engine, tuple(dict.fromkeys(receivers))

    def post(self, project_id: int, kind: str, key: str, body: Mapping[str, Any]) -> bool:
        """Keep a notice once by its kind and *key*, and let it be due now; return False where it is known already."""
        now = datetime.now(UTC)
        row = {
            "id": str(uuid.uuid4()),
            "project_id": project_id,
            "kind": kind,
            "key": _key(project_id, kind, key),
            "body": redact_texts(plain(body)),
            "created_at": now,
        }
        try:
            with self._engine.begin() as connection:
                connection.execute(notices.insert().values(row))
                for url in self.receivers:
                    connection.execute(deliveries.insert().values(notice_id=row["id"], url=url, attempts=0, due_at=now))
        except sa.exc.IntegrityError:
            return False
        return True

    def has(self, project_id: int, kind: str, key: str) -> bool:
        """Whether such a notice was posted."""
        query = sa.select(notices.c.id).where(notices.c.key == _key(project_id, kind, key))
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def is_due(self) -> bool:
        """Whether anything is to be sent now."""
        query = sa.select(deliveries.c.url).where(_is_due(datetime.now(UTC)), deliveries.c.url.in_(self.receivers))
        with self._engine.connect() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def due(self, url: str, *, most: int) -> list[Delivery]:
        """What is to be sent to a receiver now, the longest due first."""
        query = _joined().where(_is_due(datetime.now(UTC)), deliveries.c.url == url)
        return self._read(query.order_by(deliveries.c.due_at, notices.c.created_at).limit(most))

    def last(self, *, is_failed: bool = False, most: int = 100) -> list[Delivery]:
        """The newest deliveries, newest first; or those alone that failed the last time they were tried."""
        query = _joined().order_by(notices.c.created_at.desc(), deliveries.c.url).limit(most)
        if is_failed:
            query = query.where(deliveries.c.delivered_at.is_(None), deliveries.c.error.is_not(None))
        return self._read(query)

    def record(
        self, delivery: Delivery, *, status: int | None, error: str | None, due_at: datetime | None = None
    ) -> None:
        """Keep what an attempt came to; one that failed is due again at *due_at*, or given up without."""
        values = {
            "attempts": delivery.attempts + 1,
            "due_at": due_at,
            "delivered_at": None if error else datetime.now(UTC),
            "status": status,
            "error": error,
        }
        is_it = (deliveries.c.notice_id == delivery.notice.id, deliveries.c.url == delivery.url)
        with self._engine.begin() as connection:
            connection.execute(deliveries.update().where(*is_it).values(values))

    def give_up_untried(self, url: str, before: datetime) -> None:
        """Give up what was posted *before* and never sent to a receiver."""
        is_old = deliveries.c.notice_id.in_(sa.select(notices.c.id).where(notices.c.created_at < before))
        is_it = (deliveries.c.url == url, deliveries.c.attempts == 0, deliveries.c.due_at.is_not(None), is_old)
        change = deliveries.update().where(*is_it).values(due_at=None, error="the receiver did not answer for a day")
        with self._engine.begin() as connection:
            connection.execute(change)

    def retry(self, notice_id: str) -> int:
        """Let a notice be due now wherever it was not delivered, as if it had never been tried; return how many."""
        is_it = (deliveries.c.notice_id == notice_id, deliveries.c.delivered_at.is_(None))
        with self._engine.begin() as connection:
            change = deliveries.update().where(*is_it).values(attempts=0, due_at=datetime.now(UTC))
            return connection.execute(change).rowcount

    def _read(self, query: sa.Select[Any]) -> list[Delivery]:
        with self._engine.connect() as connection:
            return [_delivery(row) for row in connection.execute(query)]


def _key(project_id: int, kind: str, key: str) -> str:
    return hashlib.sha256(f"{project_id}:{kind}:{key}".encode()).hexdigest()


def _joined() -> sa.Select[Any]:
    columns = [column for column in deliveries.c if column.name != "notice_id"]
    return sa.select(notices, *columns).join(deliveries, deliveries.c.notice_id == notices.c.id)


def _is_due(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(deliveries.c.due_at.is_not(None), deliveries.c.due_at <= now)


def _delivery(row: sa.Row[Any]) -> Delivery:
    return Delivery(
        notice=Notice(row.id, row.project_id, row.kind, row.body, row.created_at),
        url=row.url,
        attempts=row.attempts,
        due_at=row.due_at,
        delivered_at=row.delivered_at,
        status=row.status,
        error=row.error,
    )
