"""Parts that many queries share: lists cut to a length, what was deleted, and transactions that wait for each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa

from loop.storage.tables import deletions, projects

Item = TypeVar("Item")
PARAMETERS = 500  # of a query; SQLite takes a limited number


def chunked(items: Iterable[Item], size: int = PARAMETERS) -> Iterator[list[Item]]:
    """Yield the items in lists of *size*, by default as many as a query may have as parameters; the last is shorter."""
    everything = list(items)
    return (everything[start : start + size] for start in range(0, len(everything), size))


def is_deleted(
    kind: str, project_id: sa.ColumnElement[int], object_id: sa.ColumnElement[int], since: sa.ColumnElement[Any]
) -> sa.ColumnElement[bool]:
    """
    Whether an object of a *kind* (annotation or task) was deleted at *since* or later.

    *since* is when the object existed: Label Studio on SQLite gives the ids of deleted objects out again.
    """
    return sa.exists().where(
        deletions.c.project_id == project_id,
        deletions.c.kind == kind,
        deletions.c.object_id == object_id,
        deletions.c.received_at >= since,
    )


def is_review_deleted(reviews: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether the annotation of a row of *reviews*, or its task, was deleted after the annotation was made."""
    columns = reviews.c
    annotation_is_gone = is_deleted("annotation", columns.project_id, columns.annotation_id, columns.created_at)
    return annotation_is_gone | is_deleted("task", columns.project_id, columns.task_id, columns.created_at)


@contextmanager
def begin_alone(engine: sa.Engine, project_id: int) -> Iterator[sa.Connection]:
    """
    Begin a transaction that waits for the others of its kind on the same project, on whatever machine they run.

    For changes that depend on rows that were read before: without it, two processes could read the same rows and both
    write, as PostgreSQL lets them.
    """
    with engine.begin() as connection:
        connection.execute(projects.update().where(projects.c.id == project_id).values(id=projects.c.id))
        yield connection
