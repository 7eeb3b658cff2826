"""Which of the training images are trained on this time: a share of the old, and few with nothing on them. Pure."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trainable:
    """One image of the training side; *classes* are the ids on it, none where nothing is."""

    task_id: int
    classes: tuple[int, ...]
    is_old: bool = False  # the version that the training starts from learned it already
    is_hard: bool = False  # a detector saw something on it that is not there


@dataclass(frozen=True, slots=True)
class SelectionPolicy:
    """
    What share of the old images is repeated, and what share of the training side may have nothing on it.

    Ultralytics advises up to 10% background images (Tips for Best YOLOv5 Training Results).
    """

    replay_share: float = 1.0
    background_share: float = 0.1


ALL = SelectionPolicy(1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Selection:
    """The tasks that are not trained on this time: learned before, or one background too many."""

    resting: frozenset[int]
    background: frozenset[int]


def select(images: Iterable[Trainable], policy: SelectionPolicy, *, salt: str = "") -> Selection:
    """
    Choose by a hash of the ids, so that the same images and *salt* always give the same choice.

    Of the old images, each class keeps its share, at least one. Images with nothing on them are taken where a detector
    was wrong about them first (hard negatives), up to their share of what is trained on.
    """
    known = list(images)
    resting = _resting([one for one in known if one.is_old], policy.replay_share, salt)
    left = [one for one in known if one.task_id not in resting]
    background = [one for one in left if not one.classes]
    if policy.background_share >= 1:
        return Selection(frozenset(resting), frozenset())
    most = int((len(left) - len(background)) * policy.background_share / (1 - policy.background_share))
    background.sort(key=lambda one: (not one.is_hard, draw(salt, one.task_id)))
    return Selection(frozenset(resting), frozenset(one.task_id for one in background[most:]))


def _resting(old: Collection[Trainable], share: float, salt: str) -> set[int]:
    if share >= 1:
        return set()
    by_class: dict[int, list[int]] = {}
    for one in sorted(old, key=lambda one: draw(salt, one.task_id)):
        for class_id in set(one.classes) or {-1}:
            by_class.setdefault(class_id, []).append(one.task_id)
    kept = {task_id for found in by_class.values() for task_id in found[: math.ceil(share * len(found))]}
    return {one.task_id for one in old} - kept


def draw(salt: str, task_id: int) -> float:
    """A number in [0, 1) that follows from a task's id and *salt* alone."""
    return int.from_bytes(hashlib.sha256(f"{salt}:{task_id}".encode()).digest()[:8]) / 2**64
