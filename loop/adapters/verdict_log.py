"""Verdicts as they are asked for: filtered, in pages, each with its provenance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from loop.adapters.exchange_tables import operations
from loop.adapters.operation_log import Progress
from loop.adapters.tables import reviews, verdicts
from loop.decisions.verdict_query import Cursor, Source, VerdictFilter, VerdictRecord

PAGE = 500
IN_ORDER = (verdicts.c.reviewed_at, verdicts.c.task_id, verdicts.c.version, verdicts.c.position)


class VerdictLog:
    """Reads the verdicts in the records; the review log writes them."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

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
        made.append(
            sa.exists().where(
                *_is_of_review(),
                operations.c.annotation_id == verdicts.c.annotation_id,
                operations.c.annotation_changed_at == verdicts.c.reviewed_at,
                operations.c.project_id == verdicts.c.project_id,
                operations.c.actor == wanted.actor,
            )
        )
    return made


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
    for start in range(0, len(annotation_ids), 500):  # SQLite takes a limited number of parameters
        is_one = operations.c.annotation_id.in_(annotation_ids[start : start + 500])
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
