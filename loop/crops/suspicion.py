"""
Reviewed boxes that may be wrong, by the detections of the version that serves: overlooked, and badly placed. Pure.

Boxes whose label their neighbours contradict are found by `loop/references/label_errors.py`. Each score is in [0, 1]:

- *swapped*: the share of the neighbours' votes, weighted by similarity, for the label that has most of them.
- *overlooked*: the confidence of the detection, times one minus its largest IoU with a reviewed box.
- *misplaced*, with a detection that covers the box in part: the confidence of the detection, times how far the IoU is
  from 1, as a share of the way to *same_object*: all of it where the two no longer show the same object.
- *misplaced*, without any: the share of the boxes of that label that some version finds, as a hard class is often
  missed and an easy one hardly ever.

A version has seen the reviews that it was trained on. It repeats some of their errors, and these are not suspected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from loop.regions import ONE_OBJECT, Box, Region


class SuspectKind(StrEnum):
    """The ways in which a review may be wrong about an object."""

    SWAPPED = "swapped"  # the box has the label of another class
    OVERLOOKED = "overlooked"  # nobody drew a box on the object
    MISPLACED = "misplaced"  # the box is elsewhere than the object, or there is no object


@dataclass(frozen=True, slots=True)
class SuspicionPolicy:
    """
    The limits of suspicion, as confidences and IoUs.

    A detection counts from the confidence *sure*. Boxes from an IoU of *same_object* show the same object, from *near*
    perhaps a part of it; a box is well placed from *well_placed*. Only scores of at least *least* are listed.
    """

    sure: float = 0.5
    same_object: float = 0.5
    near: float = 0.1
    well_placed: float = 0.7
    least: float = 0.2


@dataclass(frozen=True, slots=True)
class ReviewedImage:
    """
    The image of a task: the boxes that the reviewer left, and the detections of the version that serves.

    *found* are the boxes of all other versions' predictions for it, shown or held back. *rejected* are predicted boxes
    that the reviewer deleted: they were not overlooked.
    """

    task_id: int
    image: str
    reviewed: tuple[Region, ...]
    detected: tuple[Region, ...]
    found: tuple[Region, ...] = ()
    rejected: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class SuspectBox:
    """A box that may be wrong: reviewed, or, of an overlooked object, detected; *suggested* says what it may be."""

    kind: SuspectKind
    task_id: int
    image: str
    region: Region
    score: float
    suggested: str = ""


def find_overlooked(images: Iterable[ReviewedImage], policy: SuspicionPolicy) -> list[SuspectBox]:
    """Return the sure detections that no reviewed box shows, surest first."""
    return _rank(suspect for image in images for suspect in _find_overlooked(image, policy))


def find_misplaced(images: Sequence[ReviewedImage], policy: SuspicionPolicy) -> list[SuspectBox]:
    """Return the reviewed boxes that the version places elsewhere, and those that no version finds, likeliest first."""
    shares = find_shares(images, policy)
    return _rank(suspect for image in images for suspect in _find_misplaced(image, shares, policy))


def find_shares(images: Iterable[ReviewedImage], policy: SuspicionPolicy) -> Mapping[str, float]:
    """Return for each label the share of its reviewed boxes that some version finds; one more counts as not found."""
    boxes, found = Counter[str](), Counter[str]()
    for image in images:
        for region in image.reviewed:
            boxes[region.label] += 1
            found[region.label] += _is_found(region.box, image, policy)
    return {label: found[label] / (count + 1) for label, count in boxes.items()}


def has_unfound(image: ReviewedImage, policy: SuspicionPolicy) -> bool:
    """Whether no detection shows some box of a reviewed image."""
    return not all(_is_found(region.box, image, policy) for region in image.reviewed)


def _rank(suspects: Iterable[SuspectBox]) -> list[SuspectBox]:
    return sorted(suspects, key=lambda suspect: (-suspect.score, suspect.task_id, suspect.region.id))


def _find_overlooked(image: ReviewedImage, policy: SuspicionPolicy) -> Iterator[SuspectBox]:
    sure = _choose_sure(image, policy)
    for place, region in enumerate(sure):
        overlap = max((region.box.iou(other.box) for other in image.reviewed), default=0.0)
        score = (region.score or 0.0) * (1 - overlap)
        is_drawn = overlap >= policy.same_object or _is_beside(region, sure[:place] + sure[place + 1 :], image, policy)
        if score >= policy.least and not is_drawn and not _is_rejected(region, image):
            yield SuspectBox(SuspectKind.OVERLOOKED, image.task_id, image.image, region, round(score, 4), region.label)


def _is_beside(region: Region, others: Sequence[Region], image: ReviewedImage, policy: SuspicionPolicy) -> bool:
    """Whether a detection covers in part a reviewed box of its label that no other sure detection shows."""
    return any(
        drawn.label == region.label
        and drawn.box.iou(region.box) >= policy.near
        and _best_iou(drawn.box, others) < policy.same_object
        for drawn in image.reviewed
    )


def _is_rejected(region: Region, image: ReviewedImage) -> bool:
    return any(other.label == region.label and other.box.iou(region.box) >= ONE_OBJECT for other in image.rejected)


def _find_misplaced(image: ReviewedImage, shares: Mapping[str, float], policy: SuspicionPolicy) -> Iterator[SuspectBox]:
    for region in image.reviewed:
        detection = _find_own(region, image, policy)
        if detection is None:
            score = 0.0 if _is_found(region.box, image, policy) else shares[region.label]
        else:
            overlap = detection.box.iou(region.box)
            distance = min(1.0, (1 - overlap) / (1 - policy.same_object))
            score = 0.0 if overlap >= policy.well_placed else (detection.score or 0.0) * distance
        if score >= policy.least:
            suggested = detection.label if detection else ""
            kind = SuspectKind.MISPLACED
            yield SuspectBox(kind, image.task_id, image.image, region, round(score, 4), suggested)


def _find_own(region: Region, image: ReviewedImage, policy: SuspicionPolicy) -> Region | None:
    """Return the sure detection that covers most of a reviewed box, and does not show another reviewed box better."""
    others = [other for other in image.reviewed if other is not region]
    near = {
        detection: overlap
        for detection in _choose_sure(image, policy)
        if (overlap := detection.box.iou(region.box)) >= policy.near
        and (overlap >= policy.same_object or _best_iou(detection.box, others) < policy.same_object)
    }
    return max(near, key=lambda detection: near[detection], default=None)


def _choose_sure(image: ReviewedImage, policy: SuspicionPolicy) -> list[Region]:
    return [region for region in image.detected if (region.score or 0.0) >= policy.sure and not region.double_of]


def _is_found(box: Box, image: ReviewedImage, policy: SuspicionPolicy) -> bool:
    return _best_iou(box, (*image.detected, *image.found)) >= policy.same_object


def _best_iou(box: Box, regions: Iterable[Region]) -> float:
    return max((box.iou(region.box) for region in regions), default=0.0)
