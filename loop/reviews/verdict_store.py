"""All verdicts with their provenance: replaced when a task is judged again, read in pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from loop.label_studio.payloads import Review
from loop.label_studio.projects import ClassStore
from loop.regions import write_region
from loop.reviews.operation_store import OperationState
from loop.reviews.standing import is_standing
from loop.reviews.verdict_query import Cursor, ReviewSource, VerdictFilter, VerdictRecord
from loop.reviews.verdicts import Decision, Verdict
from loop.serving.store import AUDIT, KNOWN, LoggedPrediction
from loop.storage.exchange_tables import operations
from loop.storage.queries import begin_alone, chunked
from loop.storage.tables import predictions, reviews, verdicts

PAGE = 500
IN_ORDER = (verdicts.c.reviewed_at, verdicts.c.task_id, verdicts.c.version, verdicts.c.position)


@dataclass(frozen=True, slots=True)
class JudgedAudit:
    """An audited task: *wrong* of its *judged* boxes, predicted or missed, were not confirmed."""

    task_id: int
    prediction_id: int
    judged: int
    wrong: int


class VerdictStore:
    """The verdicts in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine, self._classes = engine, ClassStore(engine)

    def replace(
        self, project_id: int, task_id: int, *judged: tuple[Review, LoggedPrediction, Sequence[Verdict]] | None
    ) -> None:
        """Set the verdicts of a task, on the shown prediction and on shadows; None: nothing can be judged."""
        with begin_alone(self._engine, project_id) as connection:
            of_task = (verdicts.c.project_id == project_id, verdicts.c.task_id == task_id)
            connection.execute(verdicts.delete().where(*of_task))
            rows = [
                _verdict_row(review, prediction, verdict, position)
                for review, prediction, decided in filter(None, judged)
                for position, verdict in enumerate(decided)
            ]
            if rows:
                connection.execute(verdicts.insert(), rows)

    def find_stale(self, project_id: int) -> set[int]:
        """Return the tasks that have verdicts and no review any more."""
        has_review = sa.exists().where(reviews.c.task_id == verdicts.c.task_id, is_standing(project_id))
        query = sa.select(verdicts.c.task_id).where(verdicts.c.project_id == project_id, ~has_review).distinct()
        with self._engine.connect() as connection:
            return set(connection.scalars(query))

    def find_known(self, project_id: int) -> dict[int, int | None]:
        """
        Return the tasks with verdicts on a prediction that was made when the answer was known.

        Each has the annotation that was judged beside it, and that the rates have, if there is one.
        """
        columns, is_known = verdicts.c, verdicts.c.stream == KNOWN
        rated = sa.func.max(sa.case((~is_known, columns.annotation_id)))
        query = sa.select(columns.task_id, rated).where(columns.project_id == project_id, ~columns.is_shadow)
        query = query.group_by(columns.task_id).having(sa.func.max(sa.case((is_known, 1), else_=0)) == 1)
        with self._engine.connect() as connection:
            return dict(connection.execute(query).all())

    def page(
        self, wanted: VerdictFilter, after: Cursor | None = None, most: int = PAGE
    ) -> tuple[list[VerdictRecord], Cursor | None]:
        """Return at most *most* verdicts in the order of review, and the start of the next page or None."""
        query = sa.select(verdicts).where(*self._conditions(wanted)).order_by(*IN_ORDER).limit(most + 1)
        if after:
            query = query.where(sa.tuple_(*IN_ORDER) > sa.tuple_(*_bind_cursor(after)))
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
            by_state = _operations(connection, wanted.project, sorted({row.annotation_id for row in rows}))
        records = [_record(row, by_state.get((row.annotation_id, row.reviewed_at))) for row in rows[:most]]
        if len(rows) <= most:
            return records, None
        last = rows[most - 1]
        return records, Cursor(last.reviewed_at, last.task_id, last.version, last.position)

    def count(self, wanted: VerdictFilter) -> dict[str, int]:
        """Count the verdicts that match, by decision."""
        query = sa.select(verdicts.c.decision, sa.func.count()).where(*self._conditions(wanted))
        with self._engine.connect() as connection:
            return dict(connection.execute(query.group_by(verdicts.c.decision)).all())

    def count_audited(self, project_id: int, version: str) -> list[JudgedAudit]:
        """
        Return the audited tasks with verdicts on a version that annotators saw.

        Those that had another review before the version predicted them are left out: it may have learnt their image.
        """
        columns = verdicts.c
        wrong = sa.func.sum(sa.case((columns.decision == Decision.CONFIRMED.value, 0), else_=1))
        query = sa.select(columns.task_id, columns.prediction_id, sa.func.count(), wrong)
        is_of_version = (columns.project_id == project_id, columns.version == version, sa.not_(columns.is_shadow))
        earlier = reviews.c
        is_of_task = (earlier.project_id == columns.project_id, earlier.task_id == columns.task_id)
        is_earlier = (earlier.annotation_id != columns.annotation_id, earlier.created_at < predictions.c.served_at)
        query = query.join(predictions, predictions.c.id == columns.prediction_id)
        query = query.where(*is_of_version, columns.stream == AUDIT, ~sa.exists().where(*is_of_task, *is_earlier))
        with self._engine.connect() as connection:
            rows = connection.execute(query.group_by(columns.task_id, columns.prediction_id))
            return [JudgedAudit(*row) for row in rows]

    def all(self, wanted: VerdictFilter) -> Iterator[VerdictRecord]:
        """Yield all verdicts that match, with one page in memory at a time."""
        after: Cursor | None = None
        while True:
            records, after = self.page(wanted, after)
            yield from records
            if after is None:
                return

    def _conditions(self, wanted: VerdictFilter) -> list[sa.ColumnElement[bool]]:
        """Return the conditions of a filter; a label stands for all names of its class."""
        synonyms = self._classes.synonyms(wanted.project)
        predicted, reviewed = (verdicts.c[name]["label"].as_string() for name in ("predicted", "reviewed"))
        labels = (
            (sa.func.coalesce(predicted, reviewed), wanted.label),
            (predicted, wanted.predicted_label),
            (reviewed, wanted.reviewed_label),
        )
        named = [column.in_(synonyms.get(label, (label,))) for column, label in labels if label is not None]
        return [*_conditions(wanted), *named]


def _verdict_row(review: Review, prediction: LoggedPrediction, verdict: Verdict, position: int) -> dict[str, Any]:
    return {
        "project_id": review.project_id,
        "task_id": review.task_id,
        "annotation_id": review.id,
        "prediction_id": prediction.id,
        "version": prediction.version,
        "stream": prediction.stream,
        "propensity": prediction.propensity,
        "execution": prediction.execution,
        "is_shadow": prediction.is_shadow,
        "position": position,
        "decision": verdict.decision.value,
        "is_moved": verdict.is_moved,
        "is_relabelled": verdict.is_relabelled,
        "predicted": write_region(verdict.predicted) if verdict.predicted else None,
        "reviewed": write_region(verdict.reviewed) if verdict.reviewed else None,
        "annotator": review.annotator,
        "lead_time": review.lead_time,
        "reviewed_at": review.updated_at,
    }


def _conditions(wanted: VerdictFilter) -> list[sa.ColumnElement[bool]]:
    conditions = [verdicts.c.project_id == wanted.project, verdicts.c.is_shadow == wanted.is_shadow]
    for column, value in (
        (verdicts.c.version, wanted.version),
        (verdicts.c.decision, wanted.decision and wanted.decision.value),
        (verdicts.c.stream, wanted.stream and wanted.stream.value),
        (verdicts.c.annotator, wanted.annotator),
        (verdicts.c.task_id, wanted.task),
    ):
        if value is not None:
            conditions.append(column == value)
    if wanted.since is not None:
        conditions.append(verdicts.c.reviewed_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(verdicts.c.reviewed_at < wanted.until)
    if wanted.actor is not None:
        conditions += _is_decided_by(wanted.project, wanted.actor)
    return conditions


def _is_decided_by(project_id: int, actor: str) -> list[sa.ColumnElement[bool]]:
    """
    Return the conditions that an operation of *actor* left the review in its state.

    The first condition looks up the few annotations of the actor, once.
    """
    is_theirs = (operations.c.project_id == project_id, operations.c.actor == actor)
    is_state = (
        operations.c.annotation_id == verdicts.c.annotation_id,
        operations.c.annotation_changed_at == verdicts.c.reviewed_at,
    )
    few = verdicts.c.annotation_id.in_(sa.select(operations.c.annotation_id).where(*is_theirs))
    return [few, sa.exists().where(*_is_of_review(), *is_theirs, *is_state)]


def _is_of_review() -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions that an operation is done, and that its annotation still has the id it had then."""
    return (
        operations.c.state == OperationState.DONE.value,
        operations.c.operation != "delete",
        reviews.c.project_id == operations.c.project_id,
        reviews.c.annotation_id == operations.c.annotation_id,
        reviews.c.created_at == operations.c.annotation_made_at,
    )


def _operations(
    connection: sa.Connection, project_id: int, annotation_ids: Sequence[int]
) -> dict[tuple[int, Any], sa.Row[Any]]:
    """Return the operations on these annotations, by annotation id and the time of the state that they left."""
    by_state = {}
    for some_ids in chunked(annotation_ids):
        has_id = operations.c.annotation_id.in_(some_ids)
        query = sa.select(operations).where(operations.c.project_id == project_id, has_id, *_is_of_review())
        for row in connection.execute(query):
            by_state[(row.annotation_id, row.annotation_changed_at)] = row
    return by_state


def _bind_cursor(after: Cursor) -> list[sa.BindParameter[Any]]:
    return [sa.bindparam(None, value, type_=column.type) for column, value in zip(IN_ORDER, after, strict=True)]


def _record(row: sa.Row[Any], operation: sa.Row[Any] | None) -> VerdictRecord:
    without_operation = ReviewSource.IMPORT if row.lead_time is None else ReviewSource.EDITOR  # the editor sends it
    return VerdictRecord(
        task=row.task_id,
        annotation=row.annotation_id,
        decision=row.decision,
        is_moved=row.is_moved,
        is_relabelled=row.is_relabelled,
        predicted=row.predicted,
        reviewed=row.reviewed,
        version=row.version,
        prediction=row.prediction_id,
        execution=row.execution,
        stream=row.stream,
        propensity=row.propensity,
        is_shadow=row.is_shadow,
        source=ReviewSource.BULK if operation else without_operation,
        annotator=row.annotator,
        actor=operation.actor if operation else None,
        confidence=operation.confidence if operation else None,
        reasoning=operation.reasoning if operation else None,
        lead_time=row.lead_time,
        reviewed_at=row.reviewed_at,
    )
