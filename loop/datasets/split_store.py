"""Stores the frozen split of every project, with the groups and looks that keep tasks together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from loop.reviews.standing import TASK
from loop.reviews.verdicts import Decision
from loop.storage.changes import ChangeKind, record_change
from loop.storage.queries import begin_alone, chunked
from loop.storage.storable import fit
from loop.storage.tables import deletions, splits, verdicts, whole_vectors

if TYPE_CHECKING:
    from loop.datasets.near_duplicates import ImageVectors
    from loop.datasets.splits import Leak, NearDuplicates, Side

TRIES = 5  # at assigning sides, while another process assigns sides to the same tasks


@dataclass(frozen=True, slots=True)
class ReviewedTask:
    """A reviewed task: its group, the look of its image, and the name of the image's address."""

    task_id: int
    group: str | None
    look: int | None
    image: str


@dataclass(frozen=True, slots=True)
class Split:
    """The sides of all tasks ever split; leaks and left-out tasks among those reviewed now."""

    sides: dict[int, Side] = field(default_factory=dict)
    leaks: tuple[Leak, ...] = ()
    left_out: frozenset[int] = frozenset()


@dataclass(slots=True)
class _SplitRow:
    side: Side | None
    group: str | None
    look: int | None
    image: str | None
    is_left_out: bool = False


class SplitStore:
    """The splits in the records."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def read_looks(self, project_id: int) -> dict[int, tuple[str, int | None]]:
        """The name of the image address and the look of each task whose image was read."""
        query = sa.select(splits.c.task_id, splits.c.image, splits.c.image_hash)
        query = query.where(splits.c.project_id == project_id, splits.c.image.is_not(None))
        with self._engine.connect() as connection:
            return {
                task_id: (image, _read_hash(image_hash)) for task_id, image, image_hash in connection.execute(query)
            }

    def set_apart(self, project_id: int, images: Mapping[int, str]) -> None:
        """
        Give the row of a deleted task whose id another task has now an id below zero, which no task has.

        *images* has the names of the image addresses by task. The image of the row keeps its side and its vector, and a
        task with that image joins it.
        """
        with begin_alone(self._engine, project_id) as connection:
            _set_apart(connection, project_id, images)

    def freeze(
        self,
        project_id: int,
        seen: Sequence[ReviewedTask],
        *,
        share: float,
        twin_bits: int,
        embedded: ImageVectors | None = None,
        to_train: frozenset[int] = frozenset(),
    ) -> Split:
        """
        Assign a permanent side to each task that has none, and store the group and look of every task.

        Tasks *to_train* are never held out: one that is like a held-out task is left out, and gets no side.

        A new task that belongs to both sides, because it is like tasks of each, is left out of training.

        Near-duplicates are images whose looks differ in at most *twin_bits* bits, or whose vectors are alike. Several
        processes may call this at once.
        """
        for attempt in range(TRIES):
            try:
                with self._engine.begin() as connection:
                    return _freeze(connection, project_id, seen, share, twin_bits, embedded, to_train)
            except sa.exc.IntegrityError:
                if attempt == TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    def keep_sides(self, project_id: int, held_out: Mapping[int, bool]) -> None:
        """Assign the sides that tasks had elsewhere; a task that has a side keeps it."""
        from loop.datasets.splits import Side

        known = sa.select(splits.c.task_id).where(splits.c.project_id == project_id)
        with begin_alone(self._engine, project_id) as connection:
            taken = set(connection.scalars(known))
            rows = [
                {"project_id": project_id, "task_id": task_id, "side": Side.HELD_OUT if is_held_out else Side.TRAIN}
                for task_id, is_held_out in held_out.items()
                if task_id not in taken
            ]
            if rows:
                connection.execute(splits.insert(), rows)

    def leave_out(self, project_id: int, task_ids: Iterable[int]) -> None:
        """Leave tasks out of training until they are put back, whichever side they are on."""
        change = splits.update().values(is_left_out=True)
        is_task = sa.and_(splits.c.project_id == project_id, splits.c.task_id == sa.bindparam("which"))
        rows = [{"which": task_id} for task_id in task_ids]
        if rows:
            with self._engine.begin() as connection:
                connection.execute(change.where(is_task), rows)
                record_change(connection, project_id, ChangeKind.LEFT_OUT, None, [row["which"] for row in rows])

    def put_back(self, project_id: int) -> int:
        """Train again on all tasks that were left out; return their number."""
        is_left_out = sa.and_(splits.c.project_id == project_id, splits.c.is_left_out)
        with self._engine.begin() as connection:
            tasks = list(connection.scalars(sa.select(splits.c.task_id).where(is_left_out)))
            connection.execute(splits.update().where(is_left_out).values(is_left_out=False))
            record_change(connection, project_id, ChangeKind.LEFT_OUT, tasks or None, None)
        return len(tasks)

    def read_hard_negatives(self, project_id: int) -> set[int]:
        """The tasks with a false positive."""
        query = sa.select(verdicts.c.task_id).where(
            verdicts.c.project_id == project_id, verdicts.c.decision == Decision.FALSE_POSITIVE.value
        )
        with self._engine.connect() as connection:
            return set(connection.scalars(query.distinct()))


def _freeze(
    connection: sa.Connection,
    project_id: int,
    seen: Sequence[ReviewedTask],
    share: float,
    twin_bits: int,
    embedded: ImageVectors | None,
    to_train: frozenset[int],
) -> Split:
    from loop.datasets.near_duplicates import NearByEither, NearByHash
    from loop.datasets.splits import Side, assign_all, join_families, list_leaks

    rows = _read_rows(connection, project_id)
    known = {task_id: row.side for task_id, row in rows.items() if row.side}
    left_out, changed = frozenset(task_id for task_id, row in rows.items() if row.is_left_out), []
    for task in seen:
        row = rows.setdefault(task.task_id, _SplitRow(None, None, None, None))
        group = None if task.group is None else fit(task.group)  # as those that are stored
        if (row.group, row.look, row.image) != (group, task.look, task.image):
            row.group, row.look, row.image = group, task.look, task.image
            changed.append(task)
    ids = sorted(task_id for task_id in rows if task_id not in left_out)
    groups = [rows[task_id].group for task_id in ids]
    twins: NearDuplicates = NearByHash([rows[task_id].look for task_id in ids], twin_bits)
    twins = NearByEither(twins, embedded.among(ids)) if embedded else twins
    families = join_families(groups, twins)
    labels = dict(zip(ids, families.labels.tolist(), strict=True))
    reviewed = {task.task_id for task in seen}
    new = assign_all(known, labels, to_train, project_id=project_id, share=share, present=reviewed)
    kept_out = {*ids} - known.keys() - new.keys()
    sides = {**known, **new, **dict.fromkeys(kept_out, Side.TRAIN)}
    all_leaks = list_leaks(ids, [sides[task_id] for task_id in ids], groups, families, twins)
    between = (new.keys() & {leak.train for leak in all_leaks}) | kept_out
    _store(connection, project_id, changed, new, between)
    standing = tuple(leak for leak in all_leaks if {leak.held_out, leak.train} <= reviewed - between)
    return Split(sides, standing, (left_out | between) & reviewed)


def _read_rows(connection: sa.Connection, project_id: int) -> dict[int, _SplitRow]:
    from loop.datasets.splits import Side

    all_rows = sa.select(splits).where(splits.c.project_id == project_id)
    return {
        row.task_id: _SplitRow(Side(row.side), row.group, _read_hash(row.image_hash), row.image, row.is_left_out)
        for row in connection.execute(all_rows)
    }


def _set_apart(connection: sa.Connection, project_id: int, images: Mapping[int, str]) -> None:
    columns = splits.c
    query = sa.select(columns.task_id, columns.image).where(columns.project_id == project_id)
    known = {row.task_id: row.image for row in connection.execute(query)}
    other = [task_id for task_id, image in images.items() if known.get(task_id) not in (None, image)]
    is_task = (deletions.c.project_id == project_id, deletions.c.kind == TASK)
    query = sa.select(deletions.c.object_id).where(*is_task)
    gone = [each for ids in chunked(other) for each in connection.scalars(query.where(deletions.c.object_id.in_(ids)))]
    for free_id, task_id in enumerate(sorted(gone), start=min([0, *known]) - len(gone)):
        for table in (splits, whole_vectors):
            is_row = (table.c.project_id == project_id, table.c.task_id == task_id, table.c.image == known[task_id])
            connection.execute(table.update().where(*is_row).values(task_id=free_id))


def _store(
    connection: sa.Connection,
    project_id: int,
    changed: Sequence[ReviewedTask],
    new: Mapping[int, Side],
    between: Collection[int],
) -> None:
    rows = {
        task.task_id: {
            "project_id": project_id,
            "task_id": task.task_id,
            "group": task.group,
            "image_hash": "" if task.look is None else f"{task.look:016x}",
            "image": task.image,
        }
        for task in changed
    }
    added = [
        {**row, "side": new[task_id], "is_left_out": task_id in between}
        for task_id, row in rows.items()
        if task_id in new
    ]
    if added:
        connection.execute(splits.insert(), added)
    updated = [
        {"which": task_id, "to_group": row["group"], "to_hash": row["image_hash"], "to_image": row["image"]}
        for task_id, row in rows.items()
        if task_id not in new
    ]
    if updated:
        is_task = sa.and_(splits.c.project_id == project_id, splits.c.task_id == sa.bindparam("which"))
        columns = {"group": "to_group", "image_hash": "to_hash", "image": "to_image"}
        change = splits.update().values({column: sa.bindparam(name) for column, name in columns.items()})
        connection.execute(change.where(is_task), updated)


def _read_hash(image_hash: str | None) -> int | None:
    return int(image_hash, 16) if image_hash else None
