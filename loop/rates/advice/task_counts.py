"""Counts the verdicts of each task, as the database has them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from loop.label_studio.projects import ClassStore
from loop.rates.rates import NO_VALUE, Grouping, Rates
from loop.rates.store import find_group, is_rated
from loop.reviews.verdicts import Decision
from loop.storage.tables import verdicts


class TaskCounts:
    """Reads the verdicts from the records, a line per task."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine, self._classes = engine, ClassStore(engine)

    def of_version(
        self,
        project_id: int,
        version: str,
        by: Grouping | None = None,
        *,
        cohorts: Mapping[int, str] | None = None,
        since: datetime | None = None,
    ) -> dict[str, list[Rates]]:
        """Count the verdicts on a version by group and task; *by* None has the one group NO_VALUE."""
        columns = verdicts.c
        counted = {decision.value: columns.decision == decision.value for decision in Decision}
        counted["relabelled"] = columns.is_relabelled
        sums = [sa.func.sum(sa.case((condition, 1), else_=0)).label(name) for name, condition in counted.items()]
        group = (find_group(by, self._classes.current_names(project_id)) if by else sa.null()).label("rated_group")
        query = sa.select(group, columns.task_id, sa.func.max(columns.reviewed_at).label("reviewed_at"), *sums)
        query = query.where(*is_rated(project_id, since), columns.version == version)
        groups: dict[str, list[Rates]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query.group_by("rated_group", columns.task_id)):
                name = NO_VALUE if row.rated_group is None else str(row.rated_group)
                if by == Grouping.COHORT:
                    name = (cohorts or {}).get(row.task_id, NO_VALUE)
                elif by == Grouping.WEEK:
                    name = f"{row.reviewed_at:%G-W%V}"
                rates = Rates(**{decision: getattr(row, decision) for decision in counted})
                groups.setdefault(name, []).append(rates)
        return groups
