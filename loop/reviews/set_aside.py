"""The tasks that something could not be done for, each with the reason, until it can."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import sqlalchemy as sa

from loop.storage.exchange_tables import set_aside


class Step(StrEnum):
    """What could not be done for a task."""

    COMPARE = "compare"  # its reviews with those in Label Studio
    JUDGE = "judge"  # its review by what was predicted


@dataclass(frozen=True, slots=True)
class TaskSetAside:
    """One task that waits at one step."""

    task_id: int
    step: Step
    error: str
    since: datetime


class SetAsideStore:
    """The store in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def all(self, project_id: int) -> list[TaskSetAside]:
        """Every task that is set aside, the newest first."""
        query = sa.select(set_aside).where(set_aside.c.project_id == project_id)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(set_aside.c.since.desc(), set_aside.c.task_id)).all()
        return [TaskSetAside(row.task_id, Step(row.step), row.error, row.since) for row in rows]

    def ids(self, project_id: int) -> set[int]:
        """The ids of those tasks."""
        query = sa.select(set_aside.c.task_id).where(set_aside.c.project_id == project_id).distinct()
        with self._engine.connect() as connection:
            return set(connection.scalars(query))

    def replace(self, project_id: int, step: Step, tried: Iterable[int], errors: Mapping[int, str]) -> set[int]:
        """Set the tasks of *errors* aside at a step, take back the others that were *tried*; return the new ones."""
        known = {one.task_id: one for one in self.all(project_id) if one.step == step}
        passed = [task_id for task_id in tried if task_id in known and task_id not in errors]
        now = datetime.now(UTC)
        with self._engine.begin() as connection:
            for task_id in {*passed, *errors} & known.keys():
                is_it = (set_aside.c.task_id == task_id, set_aside.c.step == step.value)
                connection.execute(set_aside.delete().where(set_aside.c.project_id == project_id, *is_it))
            for task_id, error in errors.items():
                since = known[task_id].since if task_id in known else now
                row = {"project_id": project_id, "task_id": task_id, "step": step.value, "error": error, "since": since}
                connection.execute(set_aside.insert().values(row))
        return errors.keys() - known.keys()
