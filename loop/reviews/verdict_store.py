"""Every verdict with its provenance: replaced when a task is judged anew, read in pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from loop.label_studio.payloads import Review
from loop.regions import write_region
from loop.reviews.operation_store import Progress
from loop.reviews.verdict_query import Cursor, Source, VerdictFilter, VerdictRecord
from loop.reviews.verdicts import Verdict
from loop.serving.store import LoggedPrediction
from loop.storage.exchange_tables import operations
from loop.storage.queries import chunked
from loop.storage.tables import reviews, verdicts

PAGE = 500
IN_ORDER = (verdicts.c.reviewed_at, verdicts.c.task_id, verdicts.c.version, verdicts.c.position)


class VerdictLog:
    """The verdicts in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def replace(
        self, project_id: int, task_id: int, *judged: tuple[Review, LoggedPrediction, Sequence[Verdict]] | None
    ) -> None:
        """Set the verdicts of a task on what served and on shadows; None: no review counts or nothing was predicted."""
        with self._engine.begin() as connection:
            of_task = (verdicts.c.project_id == project_id, verdicts.c.task_id == task_id)
            connection.execute(verdicts.delete().where(*of_task))
            rows = [
                _verdict_row(one[0], one[1], verdict, position)
                for one in judged
                if one
                for position, verdict in enumerate(one[2])
            ]
            if rows:
                connection.execute(verdicts.insert(), rows)

    def page(
        self, wanted: VerdictFilter, after: Cursor | None = None, most: int = PAGE
    ) -> tuple[list[VerdictRecord], Cursor | None]:
        """At most *most* verdicts in the order of review, and where the next page begins; None after the last."""
        query = sa.select(verdicts).where(*_conditions(wanted)).order_by(*IN_ORDER).limit(most + 1)
        if after:
            query = query.where(sa.tuple_(*IN_ORDER) > sa.tuple_(*_bound(after)))
        with self._engine.connect() as connection:
            found = connection.execute(query).all()
            kept = _operations(connection, wanted.project, sorted({row.annotation_id for row in found}))
        rows = found[:most]
        records = [_record(row, kept.get((row.annotation_id, row.reviewed_at))) for row in rows]
        if len(found) <= most:
            return records, None
        last = rows[-1]
        return records, Cursor(last.reviewed_at, last.task_id, last.version, last.position)

    def all(self, wanted: VerdictFilter) -> Iterator[VerdictRecord]:
        """Every verdict that is asked for, a page at a time in memory."""
        after: Cursor | None = None
        while True:
            records, after = self.page(wanted, after)
            yield from records
            if after is None:
                return


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
    label = sa.func.coalesce(verdicts.c.predicted["label"].as_string(), verdicts.c.reviewed["label"].as_string())
    made = [verdicts.c.project_id == wanted.project, verdicts.c.is_shadow == wanted.is_shadow]
    for column, value in (
        (verdicts.c.version, wanted.version),
        (verdicts.c.decision, wanted.decision and wanted.decision.value),
        (label, wanted.label),
        (verdicts.c.stream, wanted.stream and wanted.stream.value),
        (verdicts.c.annotator, wanted.annotator),
        (verdicts.c.task_id, wanted.task),
    ):
        if value is not None:
            made.append(column == value)
    if wanted.since is not None:
        made.append(verdicts.c.reviewed_at >= wanted.since)
    if wanted.until is not None:
        made.append(verdicts.c.reviewed_at < wanted.until)
    if wanted.actor is not None:
        made += _is_decided_by(wanted.project, wanted.actor)
    return made


def _is_decided_by(project_id: int, actor: str) -> list[sa.ColumnElement[bool]]:
    """That an operation of an actor left the review so; the few annotations of theirs are looked up once, at first."""
    is_theirs = (operations.c.project_id == project_id, operations.c.actor == actor)
    is_state = (
        operations.c.annotation_id == verdicts.c.annotation_id,
        operations.c.annotation_changed_at == verdicts.c.reviewed_at,
    )
    few = verdicts.c.annotation_id.in_(sa.select(operations.c.annotation_id).where(*is_theirs))
    return [few, sa.exists().where(*_is_of_review(), *is_theirs, *is_state)]


def _is_of_review() -> tuple[sa.ColumnElement[bool], ...]:
    """That an operation left the state that its annotation is in, of the annotation that has its id today."""
    return (
        operations.c.state == Progress.DONE.value,
        operations.c.operation != "delete",
        reviews.c.project_id == operations.c.project_id,
        reviews.c.annotation_id == operations.c.annotation_id,
        reviews.c.created_at == operations.c.annotation_made_at,
    )


def _operations(
    connection: sa.Connection, project_id: int, annotation_ids: Sequence[int]
) -> dict[tuple[int, Any], sa.Row[Any]]:
    """The operations that left the present states of some annotations, by id and the time of the state."""
    found = {}
    for some in chunked(annotation_ids):
        is_one = operations.c.annotation_id.in_(some)
        query = sa.select(operations).where(operations.c.project_id == project_id, is_one, *_is_of_review())
        for row in connection.execute(query):
            found[(row.annotation_id, row.annotation_changed_at)] = row
    return found


def _bound(after: Cursor) -> list[sa.BindParameter[Any]]:
    return [sa.bindparam(None, value, type_=column.type) for column, value in zip(IN_ORDER, after, strict=True)]


def _record(row: sa.Row[Any], operation: sa.Row[Any] | None) -> VerdictRecord:
    past_the_editor = Source.IMPORT if row.lead_time is None else Source.EDITOR  # the editor always sends the seconds
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
        source=Source.BULK if operation else past_the_editor,
        annotator=row.annotator,
        actor=operation.actor if operation else None,
        confidence=operation.confidence if operation else None,
        reasoning=operation.reasoning if operation else None,
        lead_time=row.lead_time,
        reviewed_at=row.reviewed_at,
    )
