"""Every training asked for: its state, progress and outcome; at most one a project is open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from loop.tables import trainings


class State(StrEnum):
    """Where a training stands."""

    ASKED = "asked"
    RUNNING = "running"
    PROMOTED = "promoted"  # the gate passed it
    REFUSED = "refused"  # the gate did not
    HELD = "held"  # too little to tell: a person decides
    FAILED = "failed"


OPEN = (State.ASKED, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Training:
    """One training; *progress* and *report* are plain JSON for people to read."""

    id: int
    project_id: int
    state: State
    asked_by: str
    attempts: int
    snapshot: str | None
    reviews_until: datetime | None
    version: str | None
    progress: Mapping[str, Any] | None
    report: Mapping[str, Any] | None
    error: str | None
    asked_at: datetime
    ended_at: datetime | None


class TrainingLog:
    """The trainings in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def ask(self, project_id: int, asked_by: str) -> Training:
        """Open a training unless one is open; return the open one."""
        with self._engine.begin() as connection:
            row = connection.execute(_open(project_id)).first()
            if row is None:
                values = {"project_id": project_id, "state": State.ASKED, "asked_by": asked_by, "attempts": 0}
                connection.execute(trainings.insert().values(**values, asked_at=datetime.now(UTC)))
                row = connection.execute(_open(project_id)).first()
        assert row is not None
        return _read(row)

    def open(self, project_id: int | None = None) -> list[Training]:
        """The trainings that have not ended, oldest first."""
        with self._engine.connect() as connection:
            return [_read(row) for row in connection.execute(_open(project_id))]

    def last(self, project_id: int, count: int = 1) -> list[Training]:
        """The newest trainings of a project, newest first."""
        query = sa.select(trainings).where(trainings.c.project_id == project_id)
        with self._engine.connect() as connection:
            return [_read(row) for row in connection.execute(query.order_by(trainings.c.id.desc()).limit(count))]

    def of_version(self, project_id: int, name: str) -> Training | None:
        """The newest training that made a version, if any did."""
        query = sa.select(trainings).where(trainings.c.project_id == project_id, trainings.c.version == name)
        with self._engine.connect() as connection:
            row = connection.execute(query.order_by(trainings.c.id.desc()).limit(1)).first()
        return _read(row) if row else None

    def start(self, training: Training) -> int:
        """Mark a training as running and return which attempt this is, from 1."""
        self.note(training.id, state=State.RUNNING, attempts=training.attempts + 1, started_at=datetime.now(UTC))
        return training.attempts + 1

    def note(self, training_id: int, **values: Any) -> None:
        """Set some fields of a training."""
        with self._engine.begin() as connection:
            connection.execute(trainings.update().where(trainings.c.id == training_id).values(values))

    def end(self, training_id: int, state: State, **values: Any) -> None:
        """Close a training."""
        self.note(training_id, state=state, ended_at=datetime.now(UTC), **values)


def _open(project_id: int | None) -> sa.Select[Any]:
    query = sa.select(trainings).where(trainings.c.state.in_(OPEN)).order_by(trainings.c.id)
    return query if project_id is None else query.where(trainings.c.project_id == project_id)


def _read(row: sa.Row[Any]) -> Training:
    return Training(
        id=row.id,
        project_id=row.project_id,
        state=State(row.state),
        asked_by=row.asked_by,
        attempts=row.attempts,
        snapshot=row.snapshot,
        reviews_until=row.reviews_until,
        version=row.version,
        progress=row.progress,
        report=row.report,
        error=row.error,
        asked_at=row.asked_at,
        ended_at=row.ended_at,
    )
