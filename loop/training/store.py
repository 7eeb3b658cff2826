"""All trainings: their state, progress and outcome; at most one per project is open."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from loop.errors import UnknownTraining
from loop.gate.rule import GateOutcome
from loop.storage.tables import trainings

log = logging.getLogger(__name__)


class TrainingState(StrEnum):
    """The state of a training as a job."""

    ASKED = "asked"
    RUNNING = "running"
    ENDED = "ended"  # the gate ruled on its version
    FAILED = "failed"
    CANCELLED = "cancelled"  # a person or a program stopped it


OPEN = (TrainingState.ASKED, TrainingState.RUNNING)
PASSED = "passed"  # the status of a version that the gate passed for a project that is pinned to another version


class Phase(StrEnum):
    """The steps of a training, in order."""

    SNAPSHOT = "snapshot"
    TRAINING = "training"
    MEASURING = "measuring"
    GATE = "gate"


@dataclass(frozen=True, slots=True)
class TrainingEnd:
    """
    How a training ends; recorded before it is acted on, so that a killed run ends the same way.

    *gate* is the gate's outcome for the version, if it was judged.
    """

    state: TrainingState
    reason: str
    version: str | None = None
    gate: GateOutcome | None = None
    is_pinned: bool = False  # the project is pinned to another version

    @property
    def status(self) -> str:
        """The end in one word, for people and programs."""
        return _describe_status(self.state, self.gate, is_pinned=self.is_pinned)


@dataclass(frozen=True, slots=True)
class Training:
    """
    One training; *progress* and *report* are plain JSON for people to read.

    *attempts* counts its starts, *stalled* the starts since its last progress.
    """

    id: int
    project_id: int
    state: TrainingState
    gate: GateOutcome | None
    is_pinned: bool
    asked_by: str
    attempts: int
    stalled: int
    is_cancelled: bool
    snapshot: str | None
    reviews_until: datetime | None
    version: str | None
    progress: Mapping[str, Any] | None
    report: Mapping[str, Any] | None
    error: str | None
    asked_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def status(self) -> str:
        """The state in one word, for people and programs: that of the job, or after its end the gate's outcome."""
        return _describe_status(self.state, self.gate, is_pinned=self.is_pinned)

    @property
    def end(self) -> TrainingEnd | None:
        """The end of the training; None if it is not known yet."""
        stored = (self.report or {}).get("outcome")
        if not stored:
            return None
        state = TrainingState.ENDED if self.gate else TrainingState(stored["state"])
        return TrainingEnd(state, stored["reason"], stored["version"], self.gate, self.is_pinned)

    def as_json(self) -> dict[str, Any]:
        """The record for people and programs; the status stands for state, gate and pin."""
        record = {**asdict(self), "state": self.status}
        return {key: value for key, value in record.items() if key not in ("gate", "is_pinned")}


class TrainingStore:
    """The trainings in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def ask(self, project_id: int, asked_by: str) -> Training:
        """Open a training unless one is open; return the open one. Concurrent callers get the same training."""
        while True:
            if open_trainings := self.open(project_id):
                return open_trainings[0]
            values = {"project_id": project_id, "state": TrainingState.ASKED, "asked_by": asked_by}
            try:
                with self._engine.begin() as connection:
                    connection.execute(trainings.insert().values(**values, asked_at=datetime.now(UTC)))
            except sa.exc.IntegrityError:  # another process was quicker
                continue

    def open(self, project_id: int | None = None) -> list[Training]:
        """The trainings that have not ended, oldest first."""
        query = sa.select(trainings).where(trainings.c.state.in_(OPEN)).order_by(trainings.c.id)
        if project_id is not None:
            query = query.where(trainings.c.project_id == project_id)
        return self._all(query)

    def last(self, project_id: int, count: int = 1) -> list[Training]:
        """The newest trainings of a project, newest first."""
        of_project = sa.select(trainings).where(trainings.c.project_id == project_id)
        return self._all(of_project.order_by(trainings.c.id.desc()).limit(count))

    def newest(self) -> list[Training]:
        """The newest training of each project that has one, in one query."""
        newest = sa.select(sa.func.max(trainings.c.id)).group_by(trainings.c.project_id)
        return self._all(sa.select(trainings).where(trainings.c.id.in_(newest)))

    def all(self, project_id: int) -> list[Training]:
        """Every training of a project, oldest first."""
        return self._all(sa.select(trainings).where(trainings.c.project_id == project_id).order_by(trainings.c.id))

    def _all(self, query: sa.Select[Any]) -> list[Training]:
        with self._engine.connect() as connection:
            return [_read(row) for row in connection.execute(query)]

    def get(self, training_id: int) -> Training:
        """Return one training. Raises UnknownTraining."""
        for training in self._all(sa.select(trainings).where(trainings.c.id == training_id)):
            return training
        raise UnknownTraining(f"no training {training_id}; `loop training list --project ID` lists all")

    def of_version(self, project_id: int, name: str) -> Training | None:
        """The newest training that made a version, if any did."""
        query = sa.select(trainings).where(trainings.c.project_id == project_id, trainings.c.version == name)
        return next(iter(self._all(query.order_by(trainings.c.id.desc()).limit(1))), None)

    def start(self, training: Training) -> Training:
        """Mark a training as running, count the start, and return it as it is now."""
        counts = {"attempts": trainings.c.attempts + 1, "stalled": trainings.c.stalled + 1}
        self.note(training.id, state=TrainingState.RUNNING, started_at=datetime.now(UTC), **counts)
        return self.get(training.id)

    def excuse(self, training_id: int) -> None:
        """Do not count the last start, because the training was asked to stop and did not die."""
        self.note(training_id, stalled=trainings.c.stalled - 1)

    def reach(self, training_id: int, phase: Phase, **details: Any) -> None:
        """Record the progress of a training; progress resets the count of stalled starts to this one."""
        old = self.get(training_id).progress or {}
        new = {**old, "phase": phase.value, **details}
        is_further = _rank(new) > _rank(old)
        self.note(training_id, progress=new, **({"stalled": 1} if is_further else {}))
        if is_further:
            log.info("training %d: %s", training_id, _describe(new))

    def cancel(self, training_id: int) -> None:
        """Ask an open training to stop."""
        self.note(training_id, is_cancelled=True)

    def note(self, training_id: int, **values: Any) -> None:
        """Set fields of an open training; a training that has ended stays as it is."""
        change = trainings.update().where(trainings.c.id == training_id, trainings.c.state.in_(OPEN)).values(values)
        with self._engine.begin() as connection:
            connection.execute(change)

    def settle(self, training_id: int, end: TrainingEnd, **report: Any) -> None:
        """Record how a training ends, with more entries for its report."""
        stored = {"state": end.status, "reason": end.reason, "version": end.version}
        merged = {**(self.get(training_id).report or {}), **report, "outcome": stored}
        error = end.reason if end.state is TrainingState.FAILED else None
        self.note(training_id, report=merged, error=error, gate=end.gate, is_pinned=end.is_pinned)

    def end(self, training_id: int, state: TrainingState, **values: Any) -> None:
        """Close a training."""
        self.note(training_id, state=state, ended_at=datetime.now(UTC), **values)


def describe_progress(training: Training) -> str:
    """Describe the progress of a training in a few words."""
    progress = training.progress or {}
    return _describe(progress) if "phase" in progress else training.status


def _describe_status(state: TrainingState, gate: GateOutcome | None, *, is_pinned: bool) -> str:
    if state is not TrainingState.ENDED or gate is None:
        return state.value
    return PASSED if is_pinned else gate.value


def _describe(progress: Mapping[str, Any]) -> str:
    phase = progress["phase"]
    is_counted = phase == Phase.TRAINING and "epoch" in progress
    return f"epoch {progress['epoch']} of {progress['epochs']}" if is_counted else str(phase)


def _rank(progress: Mapping[str, Any]) -> tuple[int, int]:
    """The rank of a progress, by phase and epoch; later is larger."""
    phase = list(Phase).index(Phase(progress["phase"])) if "phase" in progress else -1
    return phase, int(progress.get("epoch", 0))


def _read(row: sa.Row[Any]) -> Training:
    return Training(
        id=row.id,
        project_id=row.project_id,
        state=TrainingState(row.state),
        gate=GateOutcome(row.gate) if row.gate else None,
        is_pinned=row.is_pinned,
        asked_by=row.asked_by,
        attempts=row.attempts,
        stalled=row.stalled,
        is_cancelled=row.is_cancelled,
        snapshot=row.snapshot,
        reviews_until=row.reviews_until,
        version=row.version,
        progress=row.progress,
        report=row.report,
        error=row.error,
        asked_at=row.asked_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
