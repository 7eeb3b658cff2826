"""Selects the training images of a snapshot: a share of the old images, and few background images. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from loop.draws import draw_number


@dataclass(frozen=True, slots=True)
class Trainable:
    """One image of the training side; *classes* are the class ids on it, empty for background."""

    task_id: int
    classes: tuple[int, ...]
    is_old: bool = False  # the start version of the training has learned it
    is_hard: bool = False  # a detector had a false positive on it


@dataclass(frozen=True, slots=True)
class SelectionPolicy:
    """
    The share of old images that is repeated, and the largest share of background images on the training side.

    Ultralytics advises up to 10% background images (Tips for Best YOLOv5 Training Results).
    """

    replay_share: float = 1.0
    background_share: float = 0.1


ALL = SelectionPolicy(1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Selection:
    """The tasks left out of this training: old images that rest, and surplus background images."""

    resting: frozenset[int]
    background: frozenset[int]


def select(images: Iterable[Trainable], policy: SelectionPolicy, *, salt: str = "") -> Selection:
    """
    Choose by a hash of the ids; the same images and *salt* always give the same choice.

    Each class keeps its share of the old images, at least one. Background images are taken up to their share of the
    training images, hard negatives (images with a false positive) first.
    """
    all_images = list(images)
    resting = _choose_resting([image for image in all_images if image.is_old], policy.replay_share, salt)
    remaining = [image for image in all_images if image.task_id not in resting]
    background = [image for image in remaining if not image.classes]
    most = count_background(len(remaining) - len(background), policy.background_share, len(background))
    background.sort(key=lambda image: (not image.is_hard, draw_number(salt, image.task_id)))
    return Selection(frozenset(resting), frozenset(image.task_id for image in background[most:]))


def count_background(with_box: int, share: float, background: int) -> int:
    """Return how many of the *background* images may stand beside those *with_box* for their *share* of all."""
    return background if share >= 1 else min(background, int(with_box * share / (1 - share)))


def _choose_resting(old: Collection[Trainable], share: float, salt: str) -> set[int]:
    if share >= 1:
        return set()
    by_class: dict[int, list[int]] = {}
    for image in sorted(old, key=lambda image: draw_number(salt, image.task_id)):
        for class_id in set(image.classes) or {-1}:
            by_class.setdefault(class_id, []).append(image.task_id)
    repeated = {task_id for members in by_class.values() for task_id in members[: math.ceil(share * len(members))]}
    return {image.task_id for image in old} - repeated
