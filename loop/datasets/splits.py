"""Splits reviewed tasks into training and held-out tasks; a task never changes sides. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from loop.draws import draw_number

MOST_NAMED = 5  # tasks in a message

Ints = NDArray[np.int64]


class Side(StrEnum):
    """The two sides of the split."""

    TRAIN = "train"
    HELD_OUT = "held_out"


class NearDuplicates(Protocol):
    """
    Finds near-duplicates by perceptual hashes, vectors, or either. A task is its place in a list.

    *width* is how far near-duplicates may be apart, from *widest* down to 0; below 0 nothing is alike.
    """

    widest: int

    def link_chains(self, members: Ints, width: int) -> Ints:
        """Label *members*: equal for tasks linked by a chain of near-duplicates."""

    def pair_nearest(self, tasks: Ints, others: Ints, width: int) -> list[tuple[int, int, str]]:
        """Pair each of *tasks* with its nearest of *others* within *width*, if any: task, other, how near."""


@dataclass(frozen=True, slots=True)
class Families:
    """Tasks that must stay on one side share a label; *widths* is the width that linked each. One entry per task."""

    labels: Ints
    widths: Ints


@dataclass(frozen=True, slots=True)
class Leak:
    """A training task that leaks a held-out task, with the reason."""

    held_out: int
    train: int
    why: str


def join_families(groups: Sequence[str | None], twins: NearDuplicates) -> Families:
    """
    Join the tasks of one group, and near-duplicates, into families.

    Chains are followed, because each frame of a video is like the next. Looks that would join more than half of all
    tasks show the place and not the objects (a camera that never moves, one printed form). Such a family is cut by ever
    narrower widths, at last by the groups alone, which a person named. Below twenty tasks a family may hold all tasks
    but one.
    """
    count = len(groups)
    most = count // 2 if count >= 20 else count - 1
    codes = _number_groups(groups)
    labels: Ints = np.zeros(count, np.int64)
    widths = np.full(count, twins.widest + 1)
    for width in range(twins.widest, -2, -1):
        sizes = np.bincount(labels, minlength=1)
        too_large = np.flatnonzero((sizes[labels] > most) if width < twins.widest else np.ones(count, bool))
        if not len(too_large):
            break
        labels[too_large] = labels.max() + 1 + join_labels(codes[too_large], twins.link_chains(too_large, width))
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
    present: Collection[int] | None = None,
) -> dict[int, Side]:
    """
    Return the sides of the *task_ids* that have none yet; tasks with equal *labels* are one family, known ones too.

    *present* are the tasks of a dataset, by default all; the others only keep their sides.
    A new task joins the side of its family. If its family is on both sides, it joins the training side. A hash of the
    ids draws the side of a new family. A family larger than the held-out side should be is trained on. If one side of
    the dataset would stay empty and there are at least two families, the new family whose size fits that side best
    moves there.
    """
    families: dict[int, list[int]] = {}
    for task_id, label in zip(task_ids, range(len(task_ids)) if labels is None else labels, strict=True):
        families.setdefault(int(label), []).append(task_id)
    held_out_size = share * len({*known, *task_ids})
    sides: dict[int, Side] = {}
    drawn: list[tuple[float, list[int]]] = []
    for members in families.values():
        new = [task_id for task_id in members if task_id not in known]
        known_sides = {known[task_id] for task_id in members if task_id in known}
        if known_sides:
            sides |= dict.fromkeys(new, known_sides.pop() if len(known_sides) == 1 else Side.TRAIN)
            continue
        draw = draw_number("split", project_id, min(new))
        drawn.append((draw, new))
        is_held_out = draw < share and len(new) <= max(1.0, held_out_size)
        sides |= dict.fromkeys(new, Side.HELD_OUT if is_held_out else Side.TRAIN)
    every = {**known, **sides}
    in_dataset = every if present is None else {task_id: every[task_id] for task_id in present if task_id in every}
    return sides | _fill_empty_side(in_dataset, drawn, share)


def _fill_empty_side(
    in_dataset: Mapping[int, Side], drawn: Sequence[tuple[float, list[int]]], share: float
) -> dict[int, Side]:
    """Return the side of the new family that moves where a dataset lacks a side; none may where it is all there is."""
    has_more = len(in_dataset) > sum(len(members) for _, members in drawn)
    for missing in set(Side) - set(in_dataset.values()) if len(drawn) + has_more >= 2 else ():
        size = len(in_dataset) * (share if missing is Side.HELD_OUT else 1 - share)
        _, moved = min(drawn, key=lambda family: (abs(len(family[1]) - size), abs(family[0] - share)))
        return dict.fromkeys(moved, missing)
    return {}


def explain_one_side(sides: Mapping[int, Side], reviewed: Collection[int], group_field: str) -> str:
    """Say why all *reviewed* tasks are on one of the *sides*, and what to do about it."""
    taken = {sides[task_id] for task_id in reviewed}
    others = sorted(task_id for task_id, side in sides.items() if side not in taken)
    if others:
        named = ", ".join(map(str, others[:MOST_NAMED])) + (" …" if len(others) > MOST_NAMED else "")
        return (
            f"all {len(reviewed)} reviewed tasks are on the side {', '.join(taken)}, and no task of the other side "
            f"({named}) has a usable review any more: review one of them again, or a task that is not like the others"
        )
    return (
        f"all {len(reviewed)} reviewed tasks belong together (LOOP_GROUP_FIELD={group_field}), so there is "
        "nothing apart from them to measure on: review tasks of another group, or name another field"
    )


def assign_all(
    known: Mapping[int, Side],
    labels: Mapping[int, int],
    to_train: Collection[int],
    *,
    project_id: int,
    share: float,
    present: Collection[int],
) -> dict[int, Side]:
    """
    Return the sides of the tasks that have none yet; *labels* names the family of each task, *present* is as above.

    Tasks *to_train* are never held out: one whose family is held out gets no side.
    """
    drawn = [task_id for task_id in labels if task_id in known or task_id not in to_train]
    families = [labels[task_id] for task_id in drawn]
    new = assign(known, drawn, project_id=project_id, share=share, labels=families, present=present)
    sides = {**known, **new}
    held_out = {labels[task_id] for task_id, side in sides.items() if side is Side.HELD_OUT and task_id in labels}
    trained = (task_id for task_id, label in labels.items() if task_id not in sides and label not in held_out)
    return new | dict.fromkeys(trained, Side.TRAIN)


def list_leaks(
    task_ids: Sequence[int],
    sides: Sequence[Side],
    groups: Sequence[str | None],
    families: Families,
    twins: NearDuplicates,
) -> list[Leak]:
    """
    Return the training tasks that share a group with a held-out task or are its near-duplicate, by training task.

    Each leak names the nearest held-out task. All arguments have one entry per task.
    """
    is_held_out = np.array([side is Side.HELD_OUT for side in sides], dtype=bool)
    codes = _number_groups(groups)
    by_train: dict[int, Leak] = {}
    mixed = set(families.labels[is_held_out].tolist()) & set(families.labels[~is_held_out].tolist())
    places = np.flatnonzero(np.isin(families.labels, list(mixed)))
    for members in _split_by_label(places, families.labels):
        measured, trained = members[is_held_out[members]], members[~is_held_out[members]]
        for train, other, near in twins.pair_nearest(trained, measured, int(families.widths[members[0]])):
            by_train[train] = Leak(task_ids[other], task_ids[train], f"near-duplicate, {near}")
        by_code = {int(codes[place]): int(place) for place in reversed(measured)}
        for train in trained.tolist():
            held_out = by_code.get(int(codes[train]))
            if held_out is not None:
                by_train[train] = Leak(task_ids[held_out], task_ids[train], f"one group: {groups[train]}")
    return [by_train[train] for train in sorted(by_train, key=lambda place: task_ids[place])]


def join_labels(codes: Ints, looks: Ints) -> Ints:
    """Label the tasks: equal for tasks linked by equal codes or equal looks, directly or through others."""
    count = len(codes)
    code, look = np.unique(codes, return_inverse=True)[1], np.unique(looks, return_inverse=True)[1]
    size = count + len(set(code.tolist())) + len(set(look.tolist()))
    tasks = np.arange(count)
    rows = np.concatenate([tasks, tasks])
    columns = np.concatenate([count + code, count + len(set(code.tolist())) + look])
    graph = coo_matrix((np.ones(len(rows), bool), (rows, columns)), shape=(size, size))
    labels: Ints = connected_components(graph, directed=False)[1][:count].astype(np.int64)
    return labels


def _number_groups(groups: Sequence[str | None]) -> Ints:
    """The number of each task's group; a task without a group gets a number of its own."""
    numbers: dict[str, int] = {}
    alone = len(groups)
    return np.array(
        [
            alone + place if group is None else numbers.setdefault(group, len(numbers))
            for place, group in enumerate(groups)
        ],
        dtype=np.int64,
    )


def _split_by_label(members: Ints, labels: Ints) -> list[Ints]:
    """Split members by their label."""
    if not len(members):
        return []
    order = members[np.argsort(labels[members], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
