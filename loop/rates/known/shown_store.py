"""The tasks with a known answer, and which of them are shown again at the moment, in the records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from loop.rates.known.choice import KnownTask
from loop.reviews.standing import is_complete, is_standing
from loop.storage.installation_store import InstallationStore
from loop.storage.tables import reviews

LATELY = timedelta(days=90)  # before the newest review of the project


@dataclass(frozen=True, slots=True)
class ShownTasks:
    """The tasks that are shown again, each with its annotations when it was opened; *since* is the last answer."""

    tasks: Mapping[int, int]
    since: datetime


class ShownAgain:
    """The tasks of each project."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine, self._facts = engine, InstallationStore(engine)

    def read(self, project_id: int) -> ShownTasks | None:
        """Return the tasks that are shown again; None where none ever was."""
        fact = self._facts.get(f"shown again {project_id}")
        if fact is None:
            return None
        tasks = {int(task_id): int(annotations) for task_id, annotations in fact["tasks"].items()}
        return ShownTasks(tasks, datetime.fromisoformat(fact["since"]))

    def write(self, project_id: int, shown: ShownTasks) -> None:
        """Record the tasks that are shown again."""
        tasks = {str(task_id): annotations for task_id, annotations in shown.tasks.items()}
        self._facts.replace(f"shown again {project_id}", {"tasks": tasks, "since": shown.since.isoformat()})

    def read_known(self, project_id: int) -> dict[int, KnownTask]:
        """Return the tasks with a known answer."""
        is_known = (is_standing(project_id), is_complete(), reviews.c.is_ground_truth, reviews.c.unread.is_(None))
        known = sa.select(reviews.c.task_id).where(*is_known)
        query = sa.select(reviews.c.task_id, reviews.c.annotator)
        query = query.where(is_standing(project_id), reviews.c.task_id.in_(known))
        by_task: dict[int, list[int]] = {}
        with self._engine.connect() as connection:
            for task_id, annotator in connection.execute(query.order_by(reviews.c.task_id)):
                by_task.setdefault(task_id, []).append(annotator or 0)
        return {task_id: KnownTask(task_id, frozenset(people), len(people)) for task_id, people in by_task.items()}

    def read_annotators(self, project_id: int) -> frozenset[int]:
        """Return everybody who annotated or skipped a task of a project lately: others may have left."""
        is_by_somebody = (*_is_by_hand(project_id), reviews.c.annotator.is_not(None))
        query = sa.select(reviews.c.annotator, sa.func.max(reviews.c.created_at)).where(*is_by_somebody)
        with self._engine.connect() as connection:
            rows = connection.execute(query.group_by(reviews.c.annotator)).all()
        newest = max((moment for _, moment in rows), default=None)
        return frozenset(person for person, moment in rows if newest and moment > newest - LATELY)

    def count_since(self, project_id: int, moment: datetime) -> int:
        """Count the reviews that people made after a moment."""
        is_newer = (*_is_by_hand(project_id), reviews.c.created_at > moment)
        with self._engine.connect() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(reviews).where(*is_newer)) or 0)


def _is_by_hand(project_id: int) -> tuple[sa.ColumnElement[bool], ...]:
    """The review was made by a person: by no import, and not of a prediction that nobody looked at."""
    return is_standing(project_id), ~reviews.c.is_imported, ~reviews.c.is_unseen
