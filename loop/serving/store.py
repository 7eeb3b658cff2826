"""Every prediction served, with its regions: Label Studio forgets, we do not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from loop.regions import Region, read_regions, write_regions
from loop.storage.queries import chunked
from loop.storage.tables import predictions

QUEUE, AUDIT = "queue", "audit"


@dataclass(frozen=True, slots=True)
class LoggedPrediction:
    """
    What one version said about one task, as long as it shows that *image*: ids of deleted tasks are given out again.

    *regions* were shown; *candidates* lay above the floor and under the *threshold*. *propensity* is the chance that
    the task is in the audit stream, *execution* names the request or job that served it. A shadow's answer is logged
    and judged, but not shown.
    """

    project_id: int
    task_id: int
    version: str
    regions: tuple[Region, ...]
    candidates: tuple[Region, ...]
    threshold: float
    score: float
    stream: str
    propensity: float
    served_at: datetime
    image: str = ""
    execution: str = ""
    is_shadow: bool = False
    id: int = 0


@dataclass(frozen=True, slots=True)
class ServedCount:
    """How many predictions were logged, and of how many tasks."""

    predictions: int
    tasks: int


class PredictionLog:
    """The log in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def append(self, served: Sequence[LoggedPrediction]) -> int:
        """
        Append predictions, leaving out those that repeat what is the newest of their task; return how many.

        All must be of one project, and all of a shadow or none.
        """
        if not served:
            return 0
        first = served[0]
        newest = self.newest(first.project_id, [one.task_id for one in served], is_shadow=first.is_shadow)
        rows = [_row(one) for one in served if not _repeats(one, newest.get(one.task_id))]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(predictions.insert(), rows)
        return len(rows)

    def of_task(self, project_id: int, task_id: int, *, is_shadow: bool = False) -> list[LoggedPrediction]:
        """All that was served for a task, or all that shadows said of it, oldest first."""
        is_it = (predictions.c.project_id == project_id, predictions.c.task_id == task_id)
        query = sa.select(predictions).where(*is_it, predictions.c.is_shadow == is_shadow).order_by(predictions.c.id)
        with self._engine.connect() as connection:
            return [_read(row) for row in connection.execute(query)]

    def newest(
        self, project_id: int, task_ids: Iterable[int], *, is_shadow: bool = False, version: str | None = None
    ) -> dict[int, LoggedPrediction]:
        """The newest prediction of each task that has one, as served or as a shadow said; of one *version* or any."""
        found: dict[int, LoggedPrediction] = {}
        for some in chunked(task_ids):
            newest = (
                sa.select(sa.func.max(predictions.c.id))
                .where(
                    predictions.c.project_id == project_id,
                    predictions.c.is_shadow == is_shadow,
                    predictions.c.task_id.in_(some),
                    sa.true() if version is None else predictions.c.version == version,
                )
                .group_by(predictions.c.task_id)
            )
            with self._engine.connect() as connection:
                for row in connection.execute(sa.select(predictions).where(predictions.c.id.in_(newest))):
                    found[row.task_id] = _read(row)
        return found

    def queue_scores(self, project_id: int, version: str) -> list[float]:
        """The scores of all that a version predicted for the queue, once a prediction."""
        is_it = (predictions.c.project_id == project_id, predictions.c.version == version)
        query = sa.select(predictions.c.score).where(*is_it, predictions.c.stream == QUEUE)
        with self._engine.connect() as connection:
            return list(connection.scalars(query))

    def with_region(self, project_id: int, region_id: str) -> list[LoggedPrediction]:
        """Every prediction that has a region or a candidate of that id, oldest first."""
        kept = (sa.cast(column, sa.Text) for column in (predictions.c.regions, predictions.c.candidates))
        may_have = sa.or_(*(text.contains(region_id, autoescape=True) for text in kept))
        query = sa.select(predictions).where(predictions.c.project_id == project_id, may_have)
        with self._engine.connect() as connection:
            found = [_read(row) for row in connection.execute(query.order_by(predictions.c.id))]
        return [one for one in found if region_id in {region.id for region in (*one.regions, *one.candidates)}]

    def served_by(self, project_id: int, version: str) -> ServedCount:
        """How much a version has predicted."""
        counts = sa.func.count(), sa.func.count(predictions.c.task_id.distinct())
        is_it = (predictions.c.project_id == project_id, predictions.c.version == version)
        with self._engine.connect() as connection:
            return ServedCount(*connection.execute(sa.select(*counts).where(*is_it)).one())


def _repeats(one: LoggedPrediction, newest: LoggedPrediction | None) -> bool:
    def said(prediction: LoggedPrediction) -> tuple[object, ...]:
        return prediction.version, prediction.image, prediction.regions, prediction.threshold

    return newest is not None and said(one) == said(newest)


def _row(one: LoggedPrediction) -> dict[str, Any]:
    return {
        "project_id": one.project_id,
        "task_id": one.task_id,
        "image": one.image,
        "version": one.version,
        "regions": write_regions(one.regions),
        "candidates": write_regions(one.candidates),
        "threshold": one.threshold,
        "score": one.score,
        "stream": one.stream,
        "propensity": one.propensity,
        "execution": one.execution,
        "is_shadow": one.is_shadow,
        "served_at": one.served_at or datetime.now(UTC),
    }


def _read(row: sa.Row[Any]) -> LoggedPrediction:
    return LoggedPrediction(
        project_id=row.project_id,
        task_id=row.task_id,
        image=row.image,
        version=row.version,
        regions=read_regions(row.regions),
        candidates=read_regions(row.candidates),
        threshold=row.threshold,
        score=row.score,
        stream=row.stream,
        propensity=row.propensity,
        served_at=row.served_at,
        execution=row.execution,
        is_shadow=row.is_shadow,
        id=row.id,
    )
