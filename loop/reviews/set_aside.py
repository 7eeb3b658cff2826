"""The tasks that are set aside, each with the step that failed and the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import sqlalchemy as sa

from loop.storage.exchange_tables import set_aside
from loop.storage.queries import begin_alone


class Step(StrEnum):
    """The step that failed."""

    COMPARE = "compare"  # compare the task's reviews with Label Studio
    JUDGE = "judge"  # judge the task's review


@dataclass(frozen=True, slots=True)
class TaskSetAside:
    """One task that is set aside at one step."""

    task_id: int
    step: Step
    error: str
    since: datetime


class SetAsideStore:
    """The tasks in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def all(self, project_id: int) -> list[TaskSetAside]:
        """Return all tasks that are set aside, newest first."""
        with self._engine.connect() as connection:
            return _read(connection, project_id)

    def ids(self, project_id: int) -> set[int]:
        """Return the ids of all tasks that are set aside."""
        query = sa.select(set_aside.c.task_id).where(set_aside.c.project_id == project_id).distinct()
        with self._engine.connect() as connection:
            return set(connection.scalars(query))

    def replace(self, project_id: int, step: Step, tried: Iterable[int], errors: Mapping[int, str]) -> set[int]:
        """Set the tasks in *errors* aside at a step and release the others in *tried*; return the newly set aside."""
        now = datetime.now(UTC)
        with begin_alone(self._engine, project_id) as connection:
            known = {task.task_id: task for task in _read(connection, project_id) if task.step == step}
            passed = [task_id for task_id in tried if task_id in known and task_id not in errors]
            for task_id in {*passed, *errors} & known.keys():
                is_at_step = (set_aside.c.task_id == task_id, set_aside.c.step == step.value)
                connection.execute(set_aside.delete().where(set_aside.c.project_id == project_id, *is_at_step))
            for task_id, error in errors.items():
                since = known[task_id].since if task_id in known else now
                row = {"project_id": project_id, "task_id": task_id, "step": step.value, "error": error, "since": since}
                connection.execute(set_aside.insert().values(row))
        return errors.keys() - known.keys()


def _read(connection: sa.Connection, project_id: int) -> list[TaskSetAside]:
    """Return all tasks of a project that are set aside, newest first."""
    query = sa.select(set_aside).where(set_aside.c.project_id == project_id)
    rows = connection.execute(query.order_by(set_aside.c.since.desc(), set_aside.c.task_id))
    return [TaskSetAside(row.task_id, Step(row.step), row.error, row.since) for row in rows]
