"""Every review: one row an annotation, the newest state of it, whatever order events came in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import sqlalchemy as sa

from loop.label_studio.payloads import Review
from loop.reviews import review_row
from loop.reviews.set_aside import Step
from loop.reviews.verdicts import counted_review_key
from loop.storage.exchange_tables import set_aside
from loop.storage.queries import chunked, is_deleted
from loop.storage.tables import deletions, reviews, verdicts
from loop.vision.addresses import identify

ANNOTATION, TASK = "annotation", "task"


@dataclass(frozen=True, slots=True)
class CountedReview:
    """The one review of a task that counts, with the data of its task."""

    review: Review
    data: Mapping[str, Any]

    def image(self, image_key: str) -> str | None:
        """The identity of the image's address."""
        address = self.data.get(image_key)
        return identify(address.strip()) if isinstance(address, str) else None


@dataclass(frozen=True, slots=True)
class Told:
    """A review about which an event told something that no sweep has compared with Label Studio since."""

    annotation_id: int
    task_id: int
    told_at: datetime


@dataclass(frozen=True, slots=True)
class KeptReview:
    """A review that was not deleted, and whether it is the one of its task that counts."""

    review: Review
    is_counted: bool


class ReviewLog:
    """Reviews and deletions in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def record(self, review: Review, data: Mapping[str, Any], *, is_current: bool = False) -> set[int]:
        """
        Keep the state of a review unless a newer one is known; return the tasks for which that changed anything.

        Of two annotations with one id the later made is the one there is: the other's id was given out again.
        *is_current* says that Label Studio has it so now: it takes the star of a ground truth away without a new time,
        and what we read of it follows the label config.
        An event may be older than what the last sweep saw, so what it changed is kept in mind for the next, see told.
        """
        is_id = sa.and_(reviews.c.project_id == review.project_id, reviews.c.annotation_id == review.id)
        query = sa.select(reviews).where(is_id)
        with self._engine.begin() as connection:
            known = connection.execute(query).all()
            if any(_stands_against(one, review, is_current=is_current) for one in known):
                return set()
            connection.execute(reviews.delete().where(is_id))
            kept: Mapping[str, Any] = next((one.data for one in known if one.task_id == review.task_id), {})
            told_at = next((one.told_at for one in known), None) if is_current else datetime.now(UTC)
            row = {**review_row.write(review, data or kept), "told_at": told_at}  # some events come without the task
            connection.execute(reviews.insert().values(row))
            others = {one.task_id for one in known} - {review.task_id}
            is_left = sa.and_(verdicts.c.annotation_id == review.id, verdicts.c.task_id.in_(others))
            connection.execute(verdicts.delete().where(verdicts.c.project_id == review.project_id, is_left))
        return {review.task_id, *others}

    def delete(
        self, project_id: int, kind: str, moments: Mapping[int, datetime], *, is_current: bool = False
    ) -> list[int]:
        """
        Remember that annotations or tasks were deleted at some moments by id, and return the tasks concerned.

        What was made after that moment under the same id is another object, and stays. Unless *is_current* an event
        said so, which may have come after the id was given out again: that is kept in mind for the next sweep.
        """
        with self._engine.begin() as connection:
            for object_id, moment in moments.items():
                _bury(connection, project_id, kind, object_id, moment)
            concerned: dict[int, None] = {}
            for ids in chunked(moments):
                if kind == TASK:
                    is_gone = (verdicts.c.project_id == project_id, verdicts.c.task_id.in_(ids))
                    connection.execute(verdicts.delete().where(*is_gone))
                column = reviews.c.annotation_id if kind == ANNOTATION else reviews.c.task_id
                is_it = sa.and_(reviews.c.project_id == project_id, column.in_(ids))
                if not is_current:
                    connection.execute(reviews.update().where(is_it).values(told_at=datetime.now(UTC)))
                query = sa.select(reviews.c.task_id).where(is_it).distinct()
                concerned |= dict.fromkeys(connection.scalars(query))
            return list(concerned)

    def exhume(self, project_id: int, kind: str, moments: Mapping[int, datetime]) -> bool:
        """Take back deletions of what is there after all, made at some moments by id; return whether there were any."""
        is_it = (deletions.c.project_id == project_id, deletions.c.kind == kind)
        is_wrong = (deletions.c.object_id == sa.bindparam("object"), deletions.c.received_at >= sa.bindparam("moment"))
        with self._engine.begin() as connection:
            wrong = deletions.delete().where(*is_it, *is_wrong)
            return (
                sum(connection.execute(wrong, {"object": one, "moment": at}).rowcount for one, at in moments.items())
                > 0
            )

    def told(self, project_id: int) -> list[Told]:
        """What events told since it was last compared."""
        columns = (reviews.c.annotation_id, reviews.c.task_id, reviews.c.told_at)
        query = sa.select(*columns).where(reviews.c.project_id == project_id, reviews.c.told_at.is_not(None))
        with self._engine.connect() as connection:
            return [Told(*row) for row in connection.execute(query)]

    def compared(self, project_id: int, told: Sequence[Told]) -> None:
        """Forget that events told that; what they told of the same reviews since is still to be compared."""
        if not told:
            return
        is_it = (reviews.c.annotation_id == sa.bindparam("annotation"), reviews.c.told_at == sa.bindparam("moment"))
        change = reviews.update().where(reviews.c.project_id == project_id, *is_it).values(told_at=None)
        with self._engine.begin() as connection:
            connection.execute(change, [{"annotation": one.annotation_id, "moment": one.told_at} for one in told])

    def forget(self, project_id: int) -> None:
        """Drop all that is known of a project's reviews."""
        with self._engine.begin() as connection:
            for table in (reviews, deletions, verdicts):
                connection.execute(table.delete().where(table.c.project_id == project_id))

    def counted(self, project_id: int, task_ids: Sequence[int] | None = None) -> dict[int, CountedReview]:
        """
        The review that counts of each task that has one: ground truth first, then the latest completed.

        A task whose review is unread in part is left out: an older review of it does not take its place. So is a task
        that the sweep set aside for a review that it cannot read at all.
        """
        every = self.latest(project_id, task_ids)
        return {task_id: one for task_id, one in every.items() if not one.review.unread}

    def latest(self, project_id: int, task_ids: Sequence[int] | None = None) -> dict[int, CountedReview]:
        """The same, with those that are unread in part."""
        query = sa.select(reviews).where(_is_standing(project_id), _is_complete(), _is_compared())
        of_tasks = [sa.true()] if task_ids is None else [reviews.c.task_id.in_(ids) for ids in chunked(task_ids)]
        best: dict[int, sa.Row[Any]] = {}
        with self._engine.connect() as connection:
            for row in chain.from_iterable(connection.execute(query.where(those)) for those in of_tasks):
                if row.task_id not in best or _rank(row) > _rank(best[row.task_id]):
                    best[row.task_id] = row
        return {task_id: CountedReview(review_row.read(row), row.data) for task_id, row in sorted(best.items())}

    def unread(self, project_id: int) -> dict[int, CountedReview]:
        """The reviews that would count and are unread in part, by task: their tasks are in no dataset."""
        is_unread = (_is_standing(project_id), _is_complete(), reviews.c.unread.is_not(None))
        with self._engine.connect() as connection:
            query = sa.select(reviews.c.task_id).where(*is_unread).distinct().order_by(reviews.c.task_id)
            latest = self.latest(project_id, list(connection.scalars(query)))
        return {task_id: one for task_id, one in latest.items() if one.review.unread}

    def kept(self, project_id: int, *, region_id: str | None = None) -> list[KeptReview]:
        """Every review that was not deleted, by annotation; of a region's id, those that have it."""
        query = sa.select(reviews).where(_is_standing(project_id)).order_by(reviews.c.annotation_id)
        if region_id is not None:
            query = query.where(sa.cast(reviews.c.regions, sa.Text).contains(region_id, autoescape=True))
        with self._engine.connect() as connection:
            found = [review_row.read(row) for row in connection.execute(query)]
        if region_id is not None:
            found = [one for one in found if region_id in {region.id for region in one.regions}]
        counted = self.counted(project_id, sorted({one.task_id for one in found}) if region_id is not None else None)
        ids = {one.review.id for one in counted.values()}
        return [KeptReview(one, one.id in ids) for one in found]

    def standing(self, project_id: int, kind: str, task_id: int | None = None) -> dict[int, datetime]:
        """The annotations, or the tasks with annotations, that were not deleted: when the last of each was made."""
        column = reviews.c.annotation_id if kind == ANNOTATION else reviews.c.task_id
        query = sa.select(column, sa.func.max(reviews.c.created_at)).where(_is_standing(project_id)).group_by(column)
        if task_id is not None:
            query = query.where(reviews.c.task_id == task_id)
        with self._engine.connect() as connection:
            return dict(connection.execute(query).all())

    def new_since(self, project_id: int, moment: datetime | None) -> int:
        """How many tasks have a completed review, read whole, recorded after *moment*."""
        is_new = (_is_standing(project_id), _is_complete(), reviews.c.unread.is_(None))
        query = sa.select(sa.func.count(reviews.c.task_id.distinct())).where(*is_new)
        if moment is not None:
            query = query.where(reviews.c.recorded_at > moment)
        with self._engine.connect() as connection:
            return int(connection.scalar(query) or 0)


def _bury(connection: sa.Connection, project_id: int, kind: str, object_id: int, moment: datetime) -> None:
    """Keep the latest moment at which an id was free."""
    row = {"project_id": project_id, "kind": kind, "object_id": object_id}
    is_it = sa.and_(*(deletions.c[name] == value for name, value in row.items()))
    known = connection.scalar(sa.select(deletions.c.received_at).where(is_it))
    connection.execute(deletions.delete().where(is_it))
    connection.execute(deletions.insert().values(**row, received_at=max(moment, known or moment)))


def _is_standing(project_id: int) -> sa.ColumnElement[bool]:
    """Neither the annotation nor its task was deleted after the annotation was made."""
    columns = reviews.c
    is_gone = is_deleted(ANNOTATION, columns.project_id, columns.annotation_id, columns.created_at)
    has_no_task = is_deleted(TASK, columns.project_id, columns.task_id, columns.created_at)
    return sa.and_(columns.project_id == project_id, ~is_gone, ~has_no_task)


def _is_complete() -> sa.ColumnElement[bool]:
    """The same as Review.is_complete."""
    is_seen = sa.or_(reviews.c.is_ground_truth, sa.not_(reviews.c.is_unseen))
    return sa.and_(sa.not_(reviews.c.is_skipped), is_seen)


def _is_compared() -> sa.ColumnElement[bool]:
    """Its task is not set aside for what of its reviews cannot be read."""
    of_task = (set_aside.c.project_id == reviews.c.project_id, set_aside.c.task_id == reviews.c.task_id)
    return ~sa.exists().where(*of_task, set_aside.c.step == Step.COMPARE.value)


def _stands_against(known: sa.Row[Any], other: Review, *, is_current: bool) -> bool:
    """Whether what is known of an annotation is at least as new as another state of it."""
    ours, theirs = (known.created_at, known.updated_at), (other.created_at, other.updated_at)
    # Nothing else is compared: webhook and API tell the same state in different words (one has no unique_id).
    # But Label Studio's own state may be read otherwise than before, by another label config.
    now = review_row.write(other, {})
    is_same = all(getattr(known, name) == now[name] for name in ("is_ground_truth", "regions", "unread"))
    return ours > theirs or (ours == theirs and (is_same or not is_current))


def _rank(row: sa.Row[Any]) -> tuple[bool, float]:
    return counted_review_key(is_ground_truth=row.is_ground_truth, completed_at=row.updated_at.timestamp())
