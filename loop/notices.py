"""Notices to other programs about what happened, and their deliveries to the receivers, in the records."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from loop.secrecy import redact_texts
from loop.storage.exchange_tables import deliveries, notices
from loop.storage.queries import chunked


class NoticeKind(StrEnum):
    """The events that a notice can report."""

    REVIEW_RECORDED = "review.recorded"
    TRAINING_FINISHED = "training.finished"
    TRAINING_FAILED = "training.failed"
    MODEL_PROMOTED = "model.promoted"
    MODEL_ROLLED_BACK = "model.rolled_back"
    RATES_ALERT = "rates.alert"
    CLUSTERS_FOUND = "clusters.found"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened in a project; a receiver that gets the notice twice knows it by its id."""

    id: str
    project_id: int
    kind: str
    data: Mapping[str, Any]
    created_at: datetime

    def body(self) -> bytes:
        """Return the JSON that is sent, the same every time."""
        content = {
            "id": self.id,
            "kind": self.kind,
            "project": self.project_id,
            "created_at": self.created_at.isoformat(),
            "data": dict(self.data),
        }
        return json.dumps(content, sort_keys=True).encode()


class DeliveryState(StrEnum):
    """The states of a delivery."""

    DELIVERED = "delivered"
    WAITING = "waiting"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The delivery of one notice to one receiver; *status* and *error* are of the last attempt."""

    notice: Notice
    url: str
    attempts: int
    due_at: datetime | None
    delivered_at: datetime | None
    status: int | None
    error: str | None

    @property
    def state(self) -> DeliveryState:
        """The state of the delivery."""
        if self.delivered_at:
            return DeliveryState.DELIVERED
        return DeliveryState.WAITING if self.due_at else DeliveryState.GIVEN_UP


class Outbox:
    """Notices in the records, each due to every receiver that was configured when it was posted."""

    def __init__(self, engine: sa.Engine, receivers: Sequence[str]) -> None:
        self._engine, self.receivers = engine, tuple(dict.fromkeys(receivers))

    def post(self, project_id: int, kind: str, key: str, body: Mapping[str, Any]) -> bool:
        """Record a notice, due now; return False, and record nothing, where its kind and *key* are known already."""
        now = datetime.now(UTC)
        row = {
            "id": str(uuid.uuid4()),
            "project_id": project_id,
            "kind": kind,
            "key": _key(project_id, kind, key),
            "body": redact_texts(as_plain_json(body)),
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
        """Whether a notice of this kind and *key* was posted."""
        query = sa.select(notices.c.id).where(notices.c.key == _key(project_id, kind, key))
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def is_due(self) -> bool:
        """Whether a delivery is due now."""
        query = sa.select(deliveries.c.url).where(_is_due(datetime.now(UTC)), deliveries.c.url.in_(self.receivers))
        with self._engine.connect() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def due(self, url: str, *, most: int) -> list[Delivery]:
        """Return the deliveries that are due to a receiver now, the longest due first."""
        query = _select_joined().where(_is_due(datetime.now(UTC)), deliveries.c.url == url)
        return self._read(query.order_by(deliveries.c.due_at, notices.c.created_at).limit(most))

    def last(self, *, is_failed: bool = False, most: int = 100) -> list[Delivery]:
        """Return the newest deliveries, newest first; *is_failed*: only deliveries whose last attempt failed."""
        query = _select_joined().order_by(notices.c.created_at.desc(), deliveries.c.url).limit(most)
        if is_failed:
            query = query.where(deliveries.c.delivered_at.is_(None), deliveries.c.error.is_not(None))
        return self._read(query)

    def record(
        self, delivery: Delivery, *, status: int | None, error: str | None, due_at: datetime | None = None
    ) -> None:
        """Record the result of an attempt; a failed delivery is due again at *due_at*, or given up without it."""
        values = {
            "attempts": delivery.attempts + 1,
            "due_at": due_at,
            "delivered_at": None if error else datetime.now(UTC),
            "status": status,
            "error": error,
        }
        of_delivery = (deliveries.c.notice_id == delivery.notice.id, deliveries.c.url == delivery.url)
        with self._engine.begin() as connection:
            connection.execute(deliveries.update().where(*of_delivery).values(values))

    def give_up_untried(self, url: str, before: datetime) -> None:
        """Give up the deliveries to a receiver that were posted *before* a time and never tried."""
        is_old = deliveries.c.notice_id.in_(sa.select(notices.c.id).where(notices.c.created_at < before))
        untried = (deliveries.c.url == url, deliveries.c.attempts == 0, deliveries.c.due_at.is_not(None), is_old)
        change = deliveries.update().where(*untried).values(due_at=None, error="the receiver did not answer for a day")
        with self._engine.begin() as connection:
            connection.execute(change)

    def retry(self, notice_id: str) -> int:
        """Make every undelivered delivery of a notice due now, as if it was never tried; return how many there are."""
        undelivered = (deliveries.c.notice_id == notice_id, deliveries.c.delivered_at.is_(None))
        with self._engine.begin() as connection:
            change = deliveries.update().where(*undelivered).values(attempts=0, due_at=datetime.now(UTC))
            return connection.execute(change).rowcount

    def remove_old(self, before: datetime, *, most: int) -> int:
        """
        Remove the deliveries and the content of notices posted *before* a time, at most *most*; return their number.

        A notice stays whole while it is due to a receiver, and an alert, which the rates show, for ever. The key of
        every notice stays: nothing is posted twice.
        """
        is_due = sa.exists().where(
            deliveries.c.notice_id == notices.c.id,
            deliveries.c.due_at.is_not(None),
            deliveries.c.url.in_(self.receivers),
        )
        has_content = sa.cast(notices.c.body, sa.Text) != "{}"
        is_old = (notices.c.created_at < before, notices.c.kind != NoticeKind.RATES_ALERT, has_content, ~is_due)
        old = sa.select(notices.c.id).where(*is_old).limit(most).scalar_subquery()
        others = [column for column in notices.c if column.name != "body"]
        with self._engine.begin() as connection:  # written anew: SQLite gives no space back of rows that shrink
            change = notices.delete().where(notices.c.id.in_(old)).returning(*others)
            rows = [{**row, "body": {}} for row in connection.execute(change).mappings()]
            for some in chunked(rows):
                connection.execute(notices.insert(), some)
                ids = [row["id"] for row in some]
                connection.execute(deliveries.delete().where(deliveries.c.notice_id.in_(ids)))
        return len(rows)

    def _read(self, query: sa.Select[Any]) -> list[Delivery]:
        with self._engine.connect() as connection:
            return [_delivery(row) for row in connection.execute(query)]


def as_plain_json(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same as JSON that every receiver can read; values without a form in JSON, such as NaN, become text."""
    content: dict[str, Any] = json.loads(json.dumps(data, default=str, skipkeys=True), parse_constant=str)
    return content


def _key(project_id: int, kind: str, key: str) -> str:
    return hashlib.sha256(f"{project_id}:{kind}:{key}".encode()).hexdigest()


def _select_joined() -> sa.Select[Any]:
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
