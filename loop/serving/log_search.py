"""Counts and finds predictions in the log without reading their boxes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from loop.storage.changes import ChangeKind, changes
from loop.storage.queries import chunked, is_deleted, is_review_deleted
from loop.storage.tables import predictions, reviews, verdicts


@dataclass(frozen=True, slots=True)
class ServedCount:
    """How many predictions were logged, and of how many tasks."""

    predictions: int
    tasks: int


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """A change of a label config."""

    before: str
    after: str
    changed_at: datetime


class LogSearch:
    """The questions to the log that need no boxes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def served_by(self, project_id: int, version: str) -> ServedCount:
        """Return how much a version has predicted."""
        counts = sa.func.count(), sa.func.count(predictions.c.task_id.distinct())
        of_version = (predictions.c.project_id == project_id, predictions.c.version == version)
        with self._engine.connect() as connection:
            return ServedCount(*connection.execute(sa.select(*counts).where(*of_version)).one())

    def shows_a_box(self, project_id: int, version: str) -> bool:
        """Tell whether a prediction of a version shows a box."""
        of_version = (predictions.c.project_id == project_id, predictions.c.version == version)
        shows = (sa.not_(predictions.c.is_shadow), sa.cast(predictions.c.regions, sa.Text) != "[]")
        with self._engine.connect() as connection:
            return connection.scalar(sa.select(predictions.c.id).where(*of_version, *shows).limit(1)) is not None

    def last_id(self) -> int:
        """Return the id of the newest prediction of all projects; 0 if there is none."""
        with self._engine.connect() as connection:
            return connection.scalar(sa.select(sa.func.max(predictions.c.id))) or 0

    def read_config_changes(self, project_id: int) -> Iterator[ConfigChange]:
        """Yield the changes of the project's label config, newest first, without its first one."""
        columns = changes.c
        is_change = (columns.project_id == project_id, columns.kind == ChangeKind.LABEL_CONFIG.value)
        query = sa.select(columns.before, columns.after, columns.changed_at).where(*is_change)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(columns.id.desc())).all()
        yield from (ConfigChange(*row) for row in rows if row.before is not None)

    def find_logged(
        self, project_id: int, task_ids: Iterable[int], version: str, since: datetime | None = None
    ) -> dict[int, str]:
        """Return those of the tasks that have a prediction of a version, made *since* a time, with its newest image."""
        of_version = (predictions.c.project_id == project_id, predictions.c.version == version)
        is_new = sa.true() if since is None else predictions.c.served_at >= since
        query = sa.select(predictions.c.task_id, predictions.c.image).where(*of_version, is_new)
        logged = dict[int, str]()
        with self._engine.connect() as connection:
            for ids in chunked(task_ids):
                of_tasks = query.where(predictions.c.task_id.in_(ids)).order_by(predictions.c.id)
                logged |= {row.task_id: row.image for row in connection.execute(of_tasks)}
        return logged

    def find_images_at(self, project_id: int, moments: Mapping[int, datetime]) -> dict[int, str]:
        """Return the image of the newest prediction of each task until its moment; tasks without one are absent."""
        columns, images = predictions.c, dict[int, str]()
        query = sa.select(columns.task_id, columns.image, columns.served_at)
        query = query.where(columns.project_id == project_id, ~is_gone()).order_by(columns.id)
        with self._engine.connect() as connection:
            for ids in chunked(moments):
                rows = connection.execute(query.where(columns.task_id.in_(ids)))
                images |= {task_id: image for task_id, image, at in rows if at <= moments[task_id]}
        return images

    def find_tasks(self, project_id: int) -> set[int]:
        """Return every task that was ever predicted, by the index alone."""
        query = sa.select(predictions.c.task_id).where(predictions.c.project_id == project_id).distinct()
        with self._engine.connect() as connection:
            return set(connection.scalars(query))

    def find_served(self, project_id: int, task_ids: Iterable[int], until: datetime) -> set[int]:
        """Return those of the tasks that were predicted *until* a time, without those known as deleted since."""
        conditions = (predictions.c.project_id == project_id, predictions.c.served_at <= until, ~is_gone())
        query, served = sa.select(predictions.c.task_id).where(*conditions).distinct(), set[int]()
        with self._engine.connect() as connection:
            for ids in chunked(task_ids):
                served |= set(connection.scalars(query.where(predictions.c.task_id.in_(ids))))
        return served

    def find_shadowed(self, project_id: int, version: str) -> list[int]:
        """Return the tasks that a version predicted as a shadow."""
        of_version = (predictions.c.project_id == project_id, predictions.c.version == version)
        query = sa.select(predictions.c.task_id).where(*of_version, predictions.c.is_shadow).distinct()
        with self._engine.connect() as connection:
            return sorted(connection.scalars(query))

    def find_least_certain(self, project_id: int, but: str, most: int) -> list[int]:
        """Return tasks without a review by the score of their newest prediction, none of the version *but*."""
        of_project = (predictions.c.project_id == project_id, sa.not_(predictions.c.is_shadow))
        newest = sa.select(sa.func.max(predictions.c.id)).where(*of_project).group_by(predictions.c.task_id)
        conditions = (predictions.c.id.in_(newest), predictions.c.version != but, is_unused())
        query = sa.select(predictions.c.task_id).where(*conditions).order_by(predictions.c.score).limit(most)
        with self._engine.connect() as connection:
            return list(connection.scalars(query))

    def find_unused(self, project_id: int, version: str, among: Collection[int]) -> list[int]:
        """Return those of the tasks that a version predicted and nobody has reviewed, by the score of the newest."""
        of_version = (predictions.c.project_id == project_id, predictions.c.version == version)
        is_shown = (sa.not_(predictions.c.is_shadow), has_boxes(), is_unused())
        query = sa.select(predictions.c.task_id, predictions.c.score).where(*of_version, *is_shown)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(predictions.c.id))
            scores = {row.task_id: row.score for row in rows if row.task_id in among}
        return sorted(scores, key=lambda task_id: (scores[task_id], task_id))

    def read_open(self, project_id: int, version: str, *, but_skipped: bool = False) -> dict[int, float]:
        """
        Return the tasks that a version predicted and nobody has annotated, with their newest scores.

        Label Studio serves a task that somebody skipped to others; *but_skipped* leaves those out.
        """
        columns = predictions.c
        of_version = (columns.project_id == project_id, columns.version == version, sa.not_(columns.is_shadow))
        of_task = (reviews.c.project_id == columns.project_id, reviews.c.task_id == columns.task_id)
        counts = sa.true() if but_skipped else ~reviews.c.is_skipped
        is_annotated = sa.exists().where(*of_task, ~is_review_deleted(reviews), counts)
        query = sa.select(columns.task_id, columns.score).where(*of_version, has_boxes(), ~is_gone(), ~is_annotated)
        with self._engine.connect() as connection:
            return {row.task_id: row.score for row in connection.execute(query.order_by(columns.id))}


def has_boxes() -> sa.ColumnElement[bool]:
    """Whether the boxes of a prediction were not dropped."""
    return predictions.c.dropped_at.is_(None)


def is_gone() -> sa.ColumnElement[bool]:
    """Whether the task of a prediction was deleted since."""
    columns = predictions.c
    return is_deleted("task", columns.project_id, columns.task_id, columns.served_at)


def is_unused() -> sa.ColumnElement[bool]:
    """No review of the task ever came, and no verdict compares with the prediction."""
    columns = predictions.c
    of_task = (reviews.c.project_id == columns.project_id, reviews.c.task_id == columns.task_id)
    of_verdict = (verdicts.c.project_id == columns.project_id, verdicts.c.task_id == columns.task_id)
    is_judged = sa.exists().where(*of_verdict, verdicts.c.prediction_id == columns.id)
    return sa.and_(~sa.exists().where(*of_task), ~is_judged)
