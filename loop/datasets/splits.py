"""Which reviewed tasks train and which measure; a task never changes sides. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Ints = NDArray[np.int64]


class Side(StrEnum):
    """The two sides of the split."""

    TRAIN = "train"
    HELD_OUT = "held_out"


class Twins(Protocol):
    """
    What says which images are near-duplicates: perceptual hashes, vectors, or either. A task is its place in a list.

    A *width* is how far near-duplicates may be apart, from *widest* down to 0; below 0 nothing is alike.
    """

    widest: int

    def linked(self, members: Ints, width: int) -> Ints:
        """Label *members*: equal where a chain of near-duplicates leads from one to the other."""

    def nearest(self, ones: Ints, others: Ints, width: int) -> list[tuple[int, int, str]]:
        """Pair each of *ones* that has one with the nearest of *others* within *width*: one, other, how near."""


@dataclass(frozen=True, slots=True)
class Families:
    """What must stay on one side: tasks of one label, alike within their width. Both are as long as the tasks."""

    labels: Ints
    widths: Ints


@dataclass(frozen=True, slots=True)
class Leak:
    """A training task that says something about a held-out one, and why."""

    held_out: int
    train: int
    why: str


def together(groups: Sequence[str | None], twins: Twins) -> Families:
    """
    Join the tasks of one group, and near-duplicates, into families.

    Chains are followed: each frame of a video is like the next. But looks that would hold more than half of all tasks
    together are those of the place and not of what is on the images (a camera that never moves, one printed form). Such
    a family is cut apart by ever narrower widths, at last by the groups alone, which a person named. Below twenty tasks
    a family may hold all but one.
    """
    count = len(groups)
    most = count // 2 if count >= 20 else count - 1
    codes = _codes(groups)
    labels: Ints = np.zeros(count, np.int64)
    widths = np.full(count, twins.widest + 1)
    for width in range(twins.widest, -2, -1):
        sizes = np.bincount(labels, minlength=1)
        too_large = np.flatnonzero((sizes[labels] > most) if width < twins.widest else np.ones(count, bool))
        if not len(too_large):
            break
        labels[too_large] = labels.max() + 1 + joined(codes[too_large], twins.linked(too_large, width))
        labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
        widths[too_large] = width
    return Families(labels, widths)


def assign(
    known: Mapping[int, Side],
    task_ids: Sequence[int],
    *,
    project_id: int,
    share: float,
    labels: Sequence[int] | Ints | None = None,
) -> dict[int, Side]:
    """
    Return the sides of the *task_ids* that have none yet; *labels* say which of them, known ones too, are one family.

    A new task joins the side of its family; of one that stands on both, the training side. A new family is drawn by the
    ids alone; one that is larger than the held-out side should be is trained on. Two families are the least there is to
    split: while there are as many and a side would stay empty, the one that suits that side best goes over.
    """
    families: dict[int, list[int]] = {}
    for task_id, label in zip(task_ids, range(len(task_ids)) if labels is None else labels, strict=True):
        families.setdefault(int(label), []).append(task_id)
    wanted = share * len({*known, *task_ids})
    sides: dict[int, Side] = {}
    drawn: list[tuple[float, list[int]]] = []
    for members in families.values():
        new = [task_id for task_id in members if task_id not in known]
        standing = {known[task_id] for task_id in members if task_id in known}
        if standing:
            sides |= dict.fromkeys(new, standing.pop() if len(standing) == 1 else Side.TRAIN)
            continue
        draw = _draw(project_id, min(new))
        drawn.append((draw, new))
        is_held_out = draw < share and len(new) <= max(1.0, wanted)
        sides |= dict.fromkeys(new, Side.HELD_OUT if is_held_out else Side.TRAIN)
    for missing in set(Side) - {*known.values(), *sides.values()}:
        if len(drawn) + bool(known) >= 2:
            size = wanted if missing is Side.HELD_OUT else (1 - share) / share * wanted
            _, suits = min(drawn, key=lambda one: (abs(len(one[1]) - size), abs(one[0] - share)))
            sides |= dict.fromkeys(suits, missing)
    return sides


def leaks(
    task_ids: Sequence[int], sides: Sequence[Side], groups: Sequence[str | None], families: Families, twins: Twins
) -> list[Leak]:
    """
    Name each training task that is of one group with a held-out one, or its near-duplicate, with the nearest of those.

    All are as long as *task_ids*. By training task.
    """
    held = np.array([side is Side.HELD_OUT for side in sides], dtype=bool)
    codes = _codes(groups)
    found: dict[int, Leak] = {}
    both = set(families.labels[held].tolist()) & set(families.labels[~held].tolist())
    where = np.flatnonzero(np.isin(families.labels, list(both)))
    for members in _parted(where, families.labels):
        measured, trained = members[held[members]], members[~held[members]]
        for train, other, near in twins.nearest(trained, measured, int(families.widths[members[0]])):
            found[train] = Leak(task_ids[other], task_ids[train], f"near-duplicate, {near}")
        first = {int(codes[place]): int(place) for place in reversed(measured)}
        for train in trained.tolist():
            same = first.get(int(codes[train]))
            if same is not None:
                found[train] = Leak(task_ids[same], task_ids[train], f"one group: {groups[train]}")
    return [found[train] for train in sorted(found, key=lambda place: task_ids[place])]


def joined(codes: Ints, looks: Ints) -> Ints:
    """Label the tasks that one number or the other links, through any number of others."""
    count = len(codes)
    code, look = np.unique(codes, return_inverse=True)[1], np.unique(looks, return_inverse=True)[1]
    size = count + len(set(code.tolist())) + len(set(look.tolist()))
    tasks = np.arange(count)
    rows = np.concatenate([tasks, tasks])
    columns = np.concatenate([count + code, count + len(set(code.tolist())) + look])
    graph = coo_matrix((np.ones(len(rows), bool), (rows, columns)), shape=(size, size))
    labels: Ints = connected_components(graph, directed=False)[1][:count].astype(np.int64)
    return labels


def _codes(groups: Sequence[str | None]) -> Ints:
    """A number a group; a task without a group is one of its own."""
    numbers: dict[str, int] = {}
    alone = len(groups)
    return np.array(
        [
            alone + place if group is None else numbers.setdefault(group, len(numbers))
            for place, group in enumerate(groups)
        ],
        dtype=np.int64,
    )


def _parted(members: Ints, labels: Ints) -> list[Ints]:
    """The members of each label."""
    if not len(members):
        return []
    order = members[np.argsort(labels[members], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def _draw(project_id: int, task_id: int) -> float:
    digest = hashlib.sha256(f"split:{project_id}:{task_id}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
