"""The log of all predictions with their regions: Label Studio forgets them, the log does not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from loop.regions import Region, read_regions, write_regions
from loop.serving.log_search import LogSearch, has_boxes, is_gone, is_unused
from loop.storage.queries import chunked
from loop.storage.tables import predictions
from loop.vision.addresses import identify

QUEUE, AUDIT, KNOWN = "queue", "audit", "known"


@dataclass(frozen=True, slots=True)
class LoggedPrediction:
    """
    The prediction of one version for one task. It holds while the task shows *image*: ids are given out again.

    *regions* are the shown boxes, *candidates* the held-back boxes, above the floor and under the *threshold*.
    *foreign* are detections of classes that the label config lacks, which may get a label by references; *size* is the
    width and height of the image, None in old entries.
    *propensity* is the chance that the task is in the audit, *execution* the request or job that made the prediction.
    The prediction of a shadow is logged and judged, but not shown.
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
    foreign: tuple[Region, ...] = ()
    size: tuple[int, int] | None = None
    id: int = 0

    @property
    def boxes(self) -> tuple[Region, ...]:
        """All its boxes: shown, held back and foreign."""
        return (*self.regions, *self.candidates, *self.foreign)


@dataclass(frozen=True, slots=True)
class ReplacedPrediction:
    """A prediction that a later prediction of its task replaced."""

    id: int
    task_id: int
    version: str


class PredictionLog(LogSearch):
    """The log in the records."""

    def append(self, entries: Sequence[LoggedPrediction], since: datetime | None = None) -> int:
        """
        Append predictions that differ from the newest of their task made *since* a time; return how many were appended.

        All must be of one project, and all of a shadow or none. A task under the id of a deleted one is another task.
        """
        if not entries:
            return 0
        first = entries[0]
        ids = [entry.task_id for entry in entries]
        known = self.newest(first.project_id, ids, is_shadow=first.is_shadow, but_gone=True)
        newest = {task_id: entry for task_id, entry in known.items() if since is None or entry.served_at >= since}
        rows = [_row(entry) for entry in entries if not _repeats(entry, newest.get(entry.task_id))]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(predictions.insert(), rows)
        return len(rows)

    def of_task(self, project_id: int, task_id: int, *, is_shadow: bool = False) -> list[LoggedPrediction]:
        """Return all predictions for a task that have their boxes, of champions or of shadows, oldest first."""
        of_task = (predictions.c.project_id == project_id, predictions.c.task_id == task_id)
        of_kind = (predictions.c.is_shadow == is_shadow, has_boxes())
        query = sa.select(predictions).where(*of_task, *of_kind).order_by(predictions.c.id)
        with self._engine.connect() as connection:
            return [_read(row) for row in connection.execute(query)]

    def newest(
        self,
        project_id: int,
        task_ids: Iterable[int],
        *,
        is_shadow: bool = False,
        version: str | None = None,
        but_gone: bool = False,
    ) -> dict[int, LoggedPrediction]:
        """
        Return the newest prediction of each task, of champions or of shadows, of one *version* or of any.

        Predictions whose boxes were dropped are left out; *but_gone* leaves out those of tasks that were deleted since.
        """
        entries: dict[int, LoggedPrediction] = {}
        for ids in chunked(task_ids):
            newest = (
                sa.select(sa.func.max(predictions.c.id))
                .where(
                    predictions.c.project_id == project_id,
                    predictions.c.is_shadow == is_shadow,
                    predictions.c.task_id.in_(ids),
                    sa.true() if version is None else predictions.c.version == version,
                    ~is_gone() if but_gone else sa.true(),
                    has_boxes(),
                )
                .group_by(predictions.c.task_id)
            )
            with self._engine.connect() as connection:
                for row in connection.execute(sa.select(predictions).where(predictions.c.id.in_(newest))):
                    entries[row.task_id] = _read(row)
        return entries

    def with_ids(self, ids: Iterable[int]) -> list[LoggedPrediction]:
        """Return the predictions with these ids that have their boxes, in any order."""
        entries = list[LoggedPrediction]()
        with self._engine.connect() as connection:
            for some_ids in chunked(ids):
                query = sa.select(predictions).where(predictions.c.id.in_(some_ids), has_boxes())
                entries += map(_read, connection.execute(query))
        return entries

    def queue_scores(self, project_id: int, version: str) -> list[float]:
        """Return the score of every prediction of a version for the queue."""
        of_version = (predictions.c.project_id == project_id, predictions.c.version == version)
        query = sa.select(predictions.c.score).where(*of_version, predictions.c.stream == QUEUE)
        with self._engine.connect() as connection:
            return list(connection.scalars(query))

    def with_region(self, project_id: int, region_id: str) -> list[LoggedPrediction]:
        """Return every prediction that has a region with this id, shown or not, oldest first."""
        columns = predictions.c
        contents = (sa.cast(column, sa.Text) for column in (columns.regions, columns.candidates, columns.foreign_boxes))
        may_have = sa.or_(*(text.contains(region_id, autoescape=True) for text in contents))
        query = sa.select(predictions).where(predictions.c.project_id == project_id, may_have)
        with self._engine.connect() as connection:
            entries = [_read(row) for row in connection.execute(query.order_by(predictions.c.id))]
        return [entry for entry in entries if region_id in {region.id for region in entry.boxes}]

    def find_replaced(
        self, project_id: int, before: datetime, *, versions: Iterable[str], after: int, until: int, most: int
    ) -> list[ReplacedPrediction]:
        """
        Return predictions that were replaced *before* a time and whose boxes nothing in the records needs, by id.

        A later prediction of their task replaced them, the task has no review, and they are of none of the *versions*.
        Those of the audit are left out, because the rates need their boxes. Only ids *after* one, *until* one and at
        most so many are returned.
        """
        columns, later = predictions.c, predictions.alias().c
        is_same = (later.project_id == columns.project_id, later.task_id == columns.task_id)
        is_later = (later.is_shadow == columns.is_shadow, later.id > columns.id, later.served_at < before)
        is_near = (columns.id > after, columns.id <= until)
        is_of = columns.project_id + 0 == project_id  # not by the index: it would go through all of the project
        is_replaced = (
            columns.served_at < before,
            has_boxes(),
            columns.version.not_in(list(versions)),
            columns.stream != AUDIT,
            is_unused(),
        )
        query = sa.select(columns.id, columns.task_id, columns.version).where(*is_near, is_of, *is_replaced)
        query = query.where(sa.exists().where(*is_same, *is_later)).order_by(columns.id).limit(most)
        with self._engine.connect() as connection:
            return [ReplacedPrediction(*row) for row in connection.execute(query)]

    def drop_boxes(self, ids: Sequence[int]) -> int:
        """
        Drop the boxes of predictions unless a review of their task came meanwhile; return how many.

        The rows are written anew: SQLite gives the space of deleted rows back, but not that of rows that shrink.
        """
        dropped: dict[str, Any] = {
            "regions": [],
            "candidates": [],
            "foreign_boxes": None,
            "image": "",
            "dropped_at": datetime.now(UTC),
        }
        others = [column for column in predictions.c if column.name not in dropped]
        change = predictions.delete().where(predictions.c.id.in_(ids), has_boxes(), is_unused()).returning(*others)
        with self._engine.begin() as connection:
            rows = [{**row, **dropped} for row in connection.execute(change).mappings()]
            if rows:
                connection.execute(predictions.insert(), rows)
        return len(rows)


def _repeats(entry: LoggedPrediction, newest: LoggedPrediction | None) -> bool:
    def content(prediction: LoggedPrediction) -> tuple[object, ...]:
        return prediction.version, prediction.image, prediction.regions, prediction.foreign, prediction.threshold

    return newest is not None and content(entry) == content(newest)


def _row(entry: LoggedPrediction) -> dict[str, Any]:
    return {
        "project_id": entry.project_id,
        "task_id": entry.task_id,
        "image": entry.image,
        "version": entry.version,
        "regions": write_regions(entry.regions),
        "candidates": write_regions(entry.candidates),
        "foreign_boxes": write_regions(entry.foreign) or None,
        "width": entry.size[0] if entry.size else None,
        "height": entry.size[1] if entry.size else None,
        "threshold": entry.threshold,
        "score": entry.score,
        "stream": entry.stream,
        "propensity": entry.propensity,
        "execution": entry.execution,
        "is_shadow": entry.is_shadow,
        "served_at": entry.served_at or datetime.now(UTC),
    }


def _read(row: sa.Row[Any]) -> LoggedPrediction:
    return LoggedPrediction(
        project_id=row.project_id,
        task_id=row.task_id,
        image=identify(row.image),
        version=row.version,
        regions=read_regions(row.regions),
        candidates=read_regions(row.candidates),
        foreign=read_regions(row.foreign_boxes or ()),
        size=(row.width, row.height) if row.width else None,
        threshold=row.threshold,
        score=row.score,
        stream=row.stream,
        propensity=row.propensity,
        served_at=row.served_at,
        execution=row.execution,
        is_shadow=row.is_shadow,
        id=row.id,
    )
