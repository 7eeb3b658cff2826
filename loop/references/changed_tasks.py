"""The records that decide the vectors of a task."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from loop.references.wanted import JudgedRegion, NamedBox
from loop.regions import Box, Region, read_region
from loop.reviews.standing import is_compared, is_standing
from loop.reviews.verdicts import Decision
from loop.serving.log_search import is_gone
from loop.storage.queries import chunked, is_deleted
from loop.storage.tables import predictions, reviews, verdicts
from loop.storage.taxonomy_tables import named_boxes
from loop.storage.vector_tables import planned_tasks
from loop.vision.addresses import identify
from loop.vision.embedding import Space


class TaskStates:
    """Read the predictions, reviews and verdicts that decide vectors."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def find_changed(self, project_id: int, space: Space) -> dict[int, str]:
        """
        Return the tasks whose records changed since their vectors were planned, each with its current state.

        A state is a short text that differs after every change of the records. It is empty if no record is left.
        """
        with self._engine.connect() as connection:
            current = _read_states(connection, project_id)
            planned = _read_planned(connection, project_id, space.fingerprint)
        changed = {task_id: state for task_id, state in current.items() if planned.get(task_id) != state}
        return changed | {task_id: "" for task_id, state in planned.items() if state and task_id not in current}

    def read_newest_predictions(self, project_id: int, task_ids: Iterable[int]) -> set[int]:
        """Return the ids of the standing predictions: the newest of each task that was not deleted since."""
        query = _select_newest(project_id)
        with self._engine.connect() as connection:
            return {
                row.prediction_id
                for batch in chunked(task_ids)
                for row in connection.execute(query.where(predictions.c.task_id.in_(batch)))
            }

    def read_judged(self, project_id: int, task_ids: Iterable[int]) -> dict[int, list[JudgedRegion]]:
        """Return the verdicts of tasks, each with the image of its prediction."""
        verdicts_by_task: dict[int, list[JudgedRegion]] = {}
        query = sa.select(verdicts, predictions.c.image).join(
            predictions, predictions.c.id == verdicts.c.prediction_id, isouter=True
        )
        with self._engine.connect() as connection:
            for batch in chunked(task_ids):
                conditions = (verdicts.c.project_id == project_id, verdicts.c.task_id.in_(batch))
                for row in connection.execute(query.where(*conditions, sa.not_(verdicts.c.is_shadow))):
                    verdicts_by_task.setdefault(row.task_id, []).append(_read_judged_region(row))
        return verdicts_by_task

    def read_named(self, project_id: int, task_ids: Iterable[int]) -> dict[int, list[NamedBox]]:
        """Return the boxes of tasks that a person named as members of a cluster."""
        boxes_by_task: dict[int, list[NamedBox]] = {}
        query = sa.select(named_boxes).where(_is_named(project_id)).order_by(named_boxes.c.crop)
        with self._engine.connect() as connection:
            for batch in chunked(task_ids):
                for row in connection.execute(query.where(named_boxes.c.task_id.in_(batch))):
                    region = Region(row.region, Box(*row.box), row.label)
                    boxes_by_task.setdefault(row.task_id, []).append(
                        NamedBox(identify(row.image), region, row.named_at)
                    )
        return boxes_by_task


def _read_states(connection: sa.Connection, project_id: int) -> dict[int, str]:
    facts_by_task: dict[int, list[str]] = {}
    for query in (
        _select_newest_predictions(project_id),
        _select_reviews(project_id),
        _select_verdicts(project_id),
        _select_named(project_id),
    ):
        for row in connection.execute(query):
            facts_by_task.setdefault(row.task_id, []).append(",".join(map(str, row[1:])))
    return {task_id: ";".join(facts) for task_id, facts in facts_by_task.items()}


def _read_planned(connection: sa.Connection, project_id: int, embedder: str) -> dict[int, str]:
    conditions = (planned_tasks.c.project_id == project_id, planned_tasks.c.embedder == embedder)
    query = sa.select(planned_tasks.c.task_id, planned_tasks.c.state).where(*conditions)
    return {row.task_id: row.state for row in connection.execute(query)}


def _select_newest(project_id: int) -> sa.Select[Any]:
    return (
        sa.select(predictions.c.task_id, sa.func.max(predictions.c.id).label("prediction_id"))
        .where(predictions.c.project_id == project_id, sa.not_(predictions.c.is_shadow), ~is_gone())
        .group_by(predictions.c.task_id)
    )


def _select_newest_predictions(project_id: int) -> sa.Select[Any]:
    newest = _select_newest(project_id).subquery()
    return sa.select(newest.c.task_id, sa.literal("p"), newest.c.prediction_id)


def _select_reviews(project_id: int) -> sa.Select[Any]:
    """
    Select reviews that stand. Any change of them changes their count or the time of their last record.

    None of a task that the sync set aside: its review does not count, and may count again without any change.
    """
    columns = reviews.c
    query = sa.select(columns.task_id, sa.literal("r"), sa.func.count(), sa.func.max(columns.recorded_at))
    return query.where(is_standing(project_id), is_compared()).group_by(columns.task_id)


def _select_verdicts(project_id: int) -> sa.Select[Any]:
    """Select verdicts. All verdicts of a task are rewritten together."""
    facts = (
        sa.func.count(),
        sa.func.max(verdicts.c.annotation_id),
        sa.func.max(verdicts.c.prediction_id),
        sa.func.max(verdicts.c.reviewed_at),
    )
    conditions = (verdicts.c.project_id == project_id, sa.not_(verdicts.c.is_shadow))
    return sa.select(verdicts.c.task_id, sa.literal("v"), *facts).where(*conditions).group_by(verdicts.c.task_id)


def _select_named(project_id: int) -> sa.Select[Any]:
    facts = (sa.func.count(), sa.func.max(named_boxes.c.named_at))
    query = sa.select(named_boxes.c.task_id, sa.literal("n"), *facts).where(_is_named(project_id))
    return query.group_by(named_boxes.c.task_id)


def _is_named(project_id: int) -> sa.ColumnElement[bool]:
    """Select boxes of a project that a person named, of tasks that were not deleted since."""
    columns = named_boxes.c
    has_no_task = is_deleted("task", columns.project_id, columns.task_id, columns.named_at)
    return sa.and_(columns.project_id == project_id, ~has_no_task)


def _read_judged_region(row: sa.Row[Any]) -> JudgedRegion:
    return JudgedRegion(
        decision=Decision(row.decision),
        predicted=read_region(row.predicted) if row.predicted else None,
        reviewed=read_region(row.reviewed) if row.reviewed else None,
        image=identify(row.image or ""),
        version=row.version,
    )
