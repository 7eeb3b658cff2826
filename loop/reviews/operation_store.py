"""What was asked for in bulk, by the key that makes a second try safe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from loop.storage.exchange_tables import operations
from loop.storage.queries import chunked


class Progress(StrEnum):
    """How far an operation came."""

    STARTED = "started"  # Label Studio was asked, and what it did is not known
    DONE = "done"
    FAILED = "failed"  # nothing was changed


@dataclass(frozen=True, slots=True)
class KeptOperation:
    """
    One operation.

    *digest* is of all it asks for. *made_at* is when Label Studio made the annotation, *changed_at* the time of the
    state that was found at the start and, once done, of the state that it left; None where others changed it since.
    """

    project_id: int
    key: str
    operation: str
    digest: str
    state: Progress = Progress.STARTED
    task_id: int | None = None
    annotation_id: int | None = None
    made_at: datetime | None = None
    changed_at: datetime | None = None
    actor: str | None = None
    confidence: float | None = None
    reasoning: str | None = None
    error: str | None = None


class OperationLog:
    """The log in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def known(self, project_id: int, keys: Sequence[str]) -> dict[str, KeptOperation]:
        """The operations of those keys that were ever started, by key."""
        found: dict[str, KeptOperation] = {}
        for some in chunked(keys):
            is_one = operations.c.key.in_(some)
            query = sa.select(operations).where(operations.c.project_id == project_id, is_one)
            with self._engine.connect() as connection:
                found |= {row.key: _read(row) for row in connection.execute(query)}
        return found

    def begin(self, operation: KeptOperation) -> None:
        """Remember that Label Studio is about to be asked."""
        self._put(replace(operation, state=Progress.STARTED, error=None))

    def end(self, operation: KeptOperation, state: Progress, error: str | None = None) -> None:
        """Remember what became of it."""
        self._put(replace(operation, state=state, error=error))

    def _put(self, one: KeptOperation) -> None:
        is_it = sa.and_(operations.c.project_id == one.project_id, operations.c.key == one.key)
        change = operations.update().where(is_it).values(_row(one))
        try:
            with self._engine.begin() as connection:
                if not connection.execute(change).rowcount:
                    connection.execute(operations.insert().values(_row(one)))
        except sa.exc.IntegrityError:  # another process keeps the same key in this moment
            with self._engine.begin() as connection:
                connection.execute(change)


def _row(one: KeptOperation) -> dict[str, Any]:
    return {
        "project_id": one.project_id,
        "key": one.key,
        "operation": one.operation,
        "digest": one.digest,
        "state": one.state.value,
        "task_id": one.task_id,
        "annotation_id": one.annotation_id,
        "annotation_made_at": one.made_at,
        "annotation_changed_at": one.changed_at,
        "actor": one.actor,
        "confidence": one.confidence,
        "reasoning": one.reasoning,
        "error": one.error,
        "asked_at": datetime.now(UTC),
    }


def _read(row: sa.Row[Any]) -> KeptOperation:
    return KeptOperation(
        project_id=row.project_id,
        key=row.key,
        operation=row.operation,
        digest=row.digest,
        state=Progress(row.state),
        task_id=row.task_id,
        annotation_id=row.annotation_id,
        made_at=row.annotation_made_at,
        changed_at=row.annotation_changed_at,
        actor=row.actor,
        confidence=row.confidence,
        reasoning=row.reasoning,
        error=row.error,
    )
