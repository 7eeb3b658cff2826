"""The log of changes that no other table has; `loop audit` shows it with those tables."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import JSON, Column, Integer, String, Table

from loop.storage.actor import who_acts
from loop.storage.columns import Id, Instant, Message
from loop.storage.tables import metadata

changes = Table(  # rows are only added
    "changes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_id", Id, index=True),  # empty: of the installation
    Column("kind", String(24), nullable=False),
    Column("before", JSON, nullable=False),
    Column("after", JSON, nullable=False),
    Column("why", Message, nullable=False),
    Column("who", Message, nullable=False, default=who_acts),
    Column("changed_at", Instant, nullable=False),
)


class ChangeKind(StrEnum):
    """The kind of a change."""

    PIN = "pin"
    LABEL_CONFIG = "label config"
    POLICY = "policy"
    SHADOW = "shadow"
    CLASS_NAME = "class name"
    CLASS_RETIRED = "class retired"
    LEFT_OUT = "tasks left out"
    ACCEPTED = "tasks accepted"
    REVIEWS_FORGOTTEN = "reviews forgotten"
    WEIGHTS = "weights"
    CLUSTER = "cluster"
    ANNOTATIONS = "annotations per task"
    TOKEN = "token"  # noqa: S105 (a kind)


def record_change(
    connection: sa.Connection, project_id: int | None, kind: ChangeKind, before: Any, after: Any, why: str = ""
) -> None:
    """Record a change in the transaction that makes it; nothing is recorded where nothing changes."""
    if before == after:
        return
    values = {"project_id": project_id, "kind": kind, "before": before, "after": after, "why": why}
    connection.execute(changes.insert().values(**values, changed_at=datetime.now(UTC)))


def record_newest(connection: sa.Connection, project_id: int, kind: ChangeKind, value: Any, first: Any) -> Any:
    """Record the change to a value that is there now; return the value recorded before, *first* without one."""
    is_of_kind = (changes.c.project_id == project_id, changes.c.kind == kind)
    newest = sa.select(changes.c.after).where(*is_of_kind).order_by(changes.c.id.desc()).limit(1)
    before = next(iter(connection.scalars(newest)), first)
    record_change(connection, project_id, kind, before, value)
    return before
