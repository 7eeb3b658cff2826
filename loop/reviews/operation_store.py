"""All operations of reviews in bulk, each by the key that makes a retry safe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from loop.storage.exchange_tables import operations
from loop.storage.queries import chunked


class OperationState(StrEnum):
    """The state of an operation."""

    STARTED = "started"  # Label Studio was asked; its answer is not known
    DONE = "done"
    FAILED = "failed"  # nothing was changed


@dataclass(frozen=True, slots=True)
class StoredOperation:
    """
    One operation.

    *digest* identifies its content. *made_at* is when Label Studio made the annotation. *changed_at* is the time of the
    annotation's state before the operation and, once it is done, after it; None if others changed it since.
    """

    project_id: int
    key: str
    operation: str
    digest: str
    state: OperationState = OperationState.STARTED
    task_id: int | None = None
    annotation_id: int | None = None
    made_at: datetime | None = None
    changed_at: datetime | None = None
    actor: str | None = None
    confidence: float | None = None
    reasoning: str | None = None
    error: str | None = None


class OperationStore:
    """The operations in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def find(self, project_id: int, keys: Sequence[str]) -> dict[str, StoredOperation]:
        """Return the operations with these keys, by key."""
        by_key: dict[str, StoredOperation] = {}
        for some_keys in chunked(keys):
            has_key = operations.c.key.in_(some_keys)
            query = sa.select(operations).where(operations.c.project_id == project_id, has_key)
            with self._engine.connect() as connection:
                by_key |= {row.key: _read(row) for row in connection.execute(query)}
        return by_key

    def begin(self, operation: StoredOperation) -> None:
        """Record that Label Studio is about to be asked."""
        self._put(replace(operation, state=OperationState.STARTED, error=None))

    def end(self, operation: StoredOperation, state: OperationState, error: str | None = None) -> None:
        """Record the result."""
        self._put(replace(operation, state=state, error=error))

    def _put(self, operation: StoredOperation) -> None:
        has_key = sa.and_(operations.c.project_id == operation.project_id, operations.c.key == operation.key)
        change = operations.update().where(has_key).values(_row(operation))
        try:
            with self._engine.begin() as connection:
                if not connection.execute(change).rowcount:
                    connection.execute(operations.insert().values(_row(operation)))
        except sa.exc.IntegrityError:  # another process stored the same key at this moment
            with self._engine.begin() as connection:
                connection.execute(change)


def _row(operation: StoredOperation) -> dict[str, Any]:
    return {
        "project_id": operation.project_id,
        "key": operation.key,
        "operation": operation.operation,
        "digest": operation.digest,
        "state": operation.state.value,
        "task_id": operation.task_id,
        "annotation_id": operation.annotation_id,
        "annotation_made_at": operation.made_at,
        "annotation_changed_at": operation.changed_at,
        "actor": operation.actor,
        "confidence": operation.confidence,
        "reasoning": operation.reasoning,
        "error": operation.error,
        "asked_at": datetime.now(UTC),
    }


def _read(row: sa.Row[Any]) -> StoredOperation:
    return StoredOperation(
        project_id=row.project_id,
        key=row.key,
        operation=row.operation,
        digest=row.digest,
        state=OperationState(row.state),
        task_id=row.task_id,
        annotation_id=row.annotation_id,
        made_at=row.annotation_made_at,
        changed_at=row.annotation_changed_at,
        actor=row.actor,
        confidence=row.confidence,
        reasoning=row.reasoning,
        error=row.error,
    )
