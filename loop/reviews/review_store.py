"""All reviews: one row per annotation with its newest state, in whatever order events came."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import sqlalchemy as sa

from loop.label_studio.payloads import Review
from loop.reviews import review_row
from loop.reviews.standing import ANNOTATION, TASK, is_beside_known, is_compared, is_complete, is_standing
from loop.reviews.verdicts import counted_review_key
from loop.storage.changes import ChangeKind, record_change
from loop.storage.queries import PARAMETERS, begin_alone, chunked
from loop.storage.tables import deletions, reviews, verdicts
from loop.vision.addresses import identify_image


@dataclass(frozen=True, slots=True)
class CountedReview:
    """The review of a task that counts, with the data of its task."""

    review: Review
    data: Mapping[str, Any]

    def image(self, image_key: str) -> str | None:
        """Return the identity of the image's address."""
        return identify_image(self.data, image_key)


@dataclass(frozen=True, slots=True)
class UncomparedReview:
    """A review that an event changed at *told_at*, and that no sync has compared with Label Studio since."""

    annotation_id: int
    task_id: int
    told_at: datetime


@dataclass(frozen=True, slots=True)
class StoredReview:
    """A review that was not deleted, and whether it counts for its task."""

    review: Review
    is_counted: bool


class ReviewStore:
    """The reviews and deletions in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def record(self, review: Review, data: Mapping[str, Any], *, is_current: bool = False) -> set[int]:
        """
        Store the state of a review unless a newer one is stored; return the tasks that this changes.

        Of two annotations with one id, the one made later exists: Label Studio gave the id out again. *is_current* says
        that Label Studio has this state now: a star, the regions that a label config reads, and the data of a task can
        change without a new time. An event may be older than the state that the last sync saw, so a review that an
        event changed is compared by the next sync, see `find_uncompared`.
        """
        has_id = sa.and_(reviews.c.project_id == review.project_id, reviews.c.annotation_id == review.id)
        with begin_alone(self._engine, review.project_id) as connection:
            known = connection.execute(sa.select(reviews).where(has_id)).all()
            if any(_stands_against(row, review, data, is_current=is_current) for row in known):
                return set()
            connection.execute(reviews.delete().where(has_id))
            data = data or next((row.data for row in known if row.task_id == review.task_id), {})  # events may lack it
            told_at = next((row.told_at for row in known), None) if is_current else datetime.now(UTC)
            times = {"told_at": told_at, "recorded_at": review_row.stamp(connection, review.project_id)}
            connection.execute(reviews.insert().values({**review_row.write(review, data), **times}))
            others = {row.task_id for row in known} - {review.task_id}
            is_of_other = sa.and_(verdicts.c.annotation_id == review.id, verdicts.c.task_id.in_(others))
            connection.execute(verdicts.delete().where(verdicts.c.project_id == review.project_id, is_of_other))
        return {review.task_id, *others}

    def delete(
        self, project_id: int, kind: str, moments: Mapping[int, datetime], *, is_current: bool = False
    ) -> list[int]:
        """
        Record that annotations or tasks were deleted; return the tasks concerned. *moments* maps each id to the time.

        An object that was made later with the same id is another object, and stays. If not *is_current*, an event
        reported the deletion, perhaps after the id was given out again: the next sync compares these reviews.
        """
        with begin_alone(self._engine, project_id) as connection:
            concerned: dict[int, None] = {}
            for ids in chunked(moments):
                _record_deletions(connection, project_id, kind, {object_id: moments[object_id] for object_id in ids})
                if kind == TASK:
                    is_of_task = (verdicts.c.project_id == project_id, verdicts.c.task_id.in_(ids))
                    connection.execute(verdicts.delete().where(*is_of_task))
                column = reviews.c.annotation_id if kind == ANNOTATION else reviews.c.task_id
                has_id = sa.and_(reviews.c.project_id == project_id, column.in_(ids))
                if not is_current:
                    connection.execute(reviews.update().where(has_id).values(told_at=datetime.now(UTC)))
                query = sa.select(reviews.c.task_id).where(has_id).distinct()
                concerned |= dict.fromkeys(connection.scalars(query))
            return list(concerned)

    def undelete(self, project_id: int, kind: str, moments: Mapping[int, datetime]) -> bool:
        """
        Remove deletion records of objects that still exist; return whether any were removed.

        *moments* maps the id of each object to when it was created.
        """
        is_of_kind = (deletions.c.project_id == project_id, deletions.c.kind == kind)
        is_wrong = (deletions.c.object_id == sa.bindparam("object"), deletions.c.received_at >= sa.bindparam("moment"))
        change = deletions.delete().where(*is_of_kind, *is_wrong)
        rows = [{"object": object_id, "moment": moment} for object_id, moment in moments.items()]
        with self._engine.begin() as connection:
            return sum([connection.execute(change, row).rowcount for row in rows]) > 0

    def find_uncompared(self, project_id: int) -> list[UncomparedReview]:
        """Return the reviews that events changed and that no sync has compared since."""
        columns = (reviews.c.annotation_id, reviews.c.task_id, reviews.c.told_at)
        query = sa.select(*columns).where(reviews.c.project_id == project_id, reviews.c.told_at.is_not(None))
        with self._engine.connect() as connection:
            return [UncomparedReview(*row) for row in connection.execute(query)]

    def mark_compared(self, project_id: int, uncompared: Sequence[UncomparedReview]) -> None:
        """Mark reviews as compared, unless an event has changed them again."""
        if not uncompared:
            return
        is_same = (reviews.c.annotation_id == sa.bindparam("annotation"), reviews.c.told_at == sa.bindparam("moment"))
        change = reviews.update().where(reviews.c.project_id == project_id, *is_same).values(told_at=None)
        rows = [{"annotation": review.annotation_id, "moment": review.told_at} for review in uncompared]
        with self._engine.begin() as connection:
            connection.execute(change, rows)

    def forget(self, project_id: int) -> None:
        """Delete a project's reviews, deletions and verdicts."""
        with self._engine.begin() as connection:
            rows = {}
            for table in (reviews, deletions, verdicts):
                rows[table.name] = connection.execute(table.delete().where(table.c.project_id == project_id)).rowcount
            record_change(connection, project_id, ChangeKind.REVIEWS_FORGOTTEN, rows, None)

    def find_counted(self, project_id: int, task_ids: Sequence[int] | None = None) -> dict[int, CountedReview]:
        """
        Return the review of each task that counts, by task: ground truth first, then the latest completed.

        A task is left out if this review is unread in part: no other review takes its place. A task that the sync set
        aside, because a review cannot be read at all, is left out too.
        """
        latest = self.latest(project_id, task_ids)
        return {task_id: counted for task_id, counted in latest.items() if not counted.review.unread}

    def latest(self, project_id: int, task_ids: Sequence[int] | None = None) -> dict[int, CountedReview]:
        """Return the same, including reviews that are unread in part."""
        query = sa.select(reviews).where(is_standing(project_id), is_complete(), is_compared())
        of_tasks = [sa.true()] if task_ids is None else [reviews.c.task_id.in_(ids) for ids in chunked(task_ids)]
        best: dict[int, sa.Row[Any]] = {}
        with self._engine.connect() as connection:
            for row in chain.from_iterable(connection.execute(query.where(chunk)) for chunk in of_tasks):
                if row.task_id not in best or _rank(row) > _rank(best[row.task_id]):
                    best[row.task_id] = row
        return {task_id: CountedReview(review_row.read(row), row.data) for task_id, row in sorted(best.items())}

    def read_marks(self, project_id: int) -> dict[int, str]:
        """Return a text for each task with a completed review, in order; it differs if any of them was changed."""
        names = ("annotation_id", "created_at", "updated_at", "recorded_at", "is_ground_truth")
        texts = [sa.cast(reviews.c[name], sa.Text) for name in (*names, "regions", "unread", "data")]
        query = sa.select(reviews.c.task_id, *texts).where(is_standing(project_id), is_complete(), is_compared())
        query = query.order_by(reviews.c.task_id, reviews.c.annotation_id, reviews.c.created_at)
        marks: dict[int, str] = {}
        with self._engine.connect() as connection:
            for task_id, *row in connection.execution_options(yield_per=PARAMETERS).execute(query):
                text = f"{marks.get(task_id)}{row}"
                marks[task_id] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return marks

    def find_unread(self, project_id: int) -> dict[int, CountedReview]:
        """Return the reviews that would count but are unread in part, by task. These tasks are in no dataset."""
        is_unread = (is_standing(project_id), is_complete(), reviews.c.unread.is_not(None))
        with self._engine.connect() as connection:
            query = sa.select(reviews.c.task_id).where(*is_unread).distinct().order_by(reviews.c.task_id)
            latest = self.latest(project_id, list(connection.scalars(query)))
        return {task_id: counted for task_id, counted in latest.items() if counted.review.unread}

    def all(self, project_id: int, *, region_id: str | None = None) -> list[StoredReview]:
        """Return all reviews that were not deleted, by annotation; only those with *region_id* if it is given."""
        query = sa.select(reviews).where(is_standing(project_id)).order_by(reviews.c.annotation_id)
        if region_id is not None:
            query = query.where(sa.cast(reviews.c.regions, sa.Text).contains(region_id, autoescape=True))
        with self._engine.connect() as connection:
            read = [review_row.read(row) for row in connection.execute(query)]
        task_ids = None
        if region_id is not None:
            read = [review for review in read if region_id in {region.id for region in review.regions}]
            task_ids = sorted({review.task_id for review in read})
        counted_ids = {counted.review.id for counted in self.find_counted(project_id, task_ids).values()}
        return [StoredReview(review, review.id in counted_ids) for review in read]

    def standing(self, project_id: int, kind: str, task_id: int | None = None) -> dict[int, datetime]:
        """Return when each annotation, or the last annotation of each task, was made; without deleted ones."""
        column = reviews.c.annotation_id if kind == ANNOTATION else reviews.c.task_id
        query = sa.select(column, sa.func.max(reviews.c.created_at)).where(is_standing(project_id)).group_by(column)
        if task_id is not None:
            query = query.where(reviews.c.task_id == task_id)
        with self._engine.connect() as connection:
            return dict(connection.execute(query).all())

    def read_task_data(self, project_id: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield the task of every review that was not deleted, with the task's data at that time."""
        query = sa.select(reviews.c.task_id, reviews.c.data).where(is_standing(project_id))
        with self._engine.connect() as connection:
            for row in connection.execution_options(yield_per=PARAMETERS).execute(query):
                yield row.task_id, row.data

    def new_since(self, project_id: int, moment: datetime | None) -> int:
        """Return the number of tasks with a completed review, read whole, after *moment* that may be what counts."""
        is_new = (is_standing(project_id), is_complete(), reviews.c.unread.is_(None), ~is_beside_known())
        query = sa.select(sa.func.count(reviews.c.task_id.distinct())).where(*is_new)
        if moment is not None:
            query = query.where(reviews.c.recorded_at > moment)
        with self._engine.connect() as connection:
            return int(connection.scalar(query) or 0)


def _record_deletions(connection: sa.Connection, project_id: int, kind: str, moments: Mapping[int, datetime]) -> None:
    """Store the latest moment at which each id belonged to no object."""
    row = {"project_id": project_id, "kind": kind}
    has_id = sa.and_(*(deletions.c[name] == value for name, value in row.items()), deletions.c.object_id.in_(moments))
    known = dict(connection.execute(sa.select(deletions.c.object_id, deletions.c.received_at).where(has_id)).all())
    connection.execute(deletions.delete().where(has_id))
    latest = {object_id: max(moment, known.get(object_id, moment)) for object_id, moment in moments.items()}
    rows = [{**row, "object_id": object_id, "received_at": moment} for object_id, moment in latest.items()]
    connection.execute(deletions.insert(), rows)


def _stands_against(known: sa.Row[Any], other: Review, data: Mapping[str, Any], *, is_current: bool) -> bool:
    """Whether the stored state of an annotation is at least as new as another state of it and of its task's *data*."""
    ours, theirs = (known.created_at, known.updated_at), (other.created_at, other.updated_at)
    # Compare nothing else: webhook and API describe the same state differently (one has no unique_id).
    # But after a change of the label config the current state may be read differently.
    now, compared = review_row.write(other, data), ("is_ground_truth", "regions", "unread", "data")
    is_same = all(getattr(known, name) == now[name] for name in compared if name != "data" or data)
    return ours > theirs or (ours == theirs and (is_same or not is_current))


def _rank(row: sa.Row[Any]) -> tuple[bool, datetime, int]:
    return counted_review_key(is_ground_truth=row.is_ground_truth, at=row.updated_at, annotation=row.annotation_id)
