"""Verdicts: the reviewer's decision about each predicted region. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from loop.regions import Region


class Decision(StrEnum):
    """How a reviewed region relates to the prediction it came from."""

    CONFIRMED = "confirmed"  # same place, same label
    CORRECTED = "corrected"  # same object, other label or redrawn box
    FALSE_POSITIVE = "false_positive"  # prediction deleted
    MISSED = "missed"  # drawn by hand


@dataclass(frozen=True, slots=True)
class Verdict:
    """One decision, with the evidence for it."""

    decision: Decision
    predicted: Region | None
    reviewed: Region | None
    is_moved: bool = False  # whether a correction moved, stretched or turned the box

    @property
    def is_relabelled(self) -> bool:
        """Whether a correction changed the label."""
        return bool(self.predicted and self.reviewed and self.predicted.label != self.reviewed.label)


@dataclass(frozen=True, slots=True)
class JudgePolicy:
    """
    When two boxes show the same object, and when a box was left where it was.

    Boxes whose IoU is at least *same_object* show the same object. A box was left where it was if no side moved by more
    than *same_place*, in fractions of the image: Label Studio rounds coordinates.
    """

    same_object: float = 0.5
    same_place: float = 0.001


ANY_PLACE = JudgePolicy(same_place=1.0)  # no box that overlaps enough counts as moved


def judge(predicted: Sequence[Region], reviewed: Sequence[Region], policy: JudgePolicy | None = None) -> list[Verdict]:
    """
    Pair each predicted region with the reviewed region in its place: by region id first, then by overlap.

    Every region appears in exactly one verdict, so confirmed + corrected + false positive = predicted, and
    confirmed + corrected + missed = reviewed.
    """
    policy = policy or JudgePolicy()
    pairs = _by_id(predicted, reviewed)
    pairs |= _by_overlap(predicted, reviewed, pairs, policy.same_object)
    paired = set(pairs.values())
    verdicts = [_decide(region, reviewed, pairs.get(index), policy) for index, region in enumerate(predicted)]
    missed = (region for index, region in enumerate(reviewed) if index not in paired)
    return verdicts + [Verdict(Decision.MISSED, None, region) for region in missed]


def judge_by_overlap(predicted: Sequence[Region], reviewed: Sequence[Region]) -> list[Verdict]:
    """
    Judge a prediction that the reviewer did not see.

    A box is confirmed by a reviewed box with the same label and an IoU of at least 0.5. Region ids, turns, shapes and
    exact places are ignored: the reviewer had no such region to leave or to change.
    """
    originals: dict[int, Region] = {}

    def strip(region: Region) -> Region:
        copy = replace(region, id="", rotation=0.0, shape="")
        originals[id(copy)] = region
        return copy

    ours, theirs = [strip(region) for region in predicted], [strip(region) for region in reviewed]
    return [
        replace(
            verdict,
            predicted=originals[id(verdict.predicted)] if verdict.predicted else None,
            reviewed=originals[id(verdict.reviewed)] if verdict.reviewed else None,
        )
        for verdict in judge(ours, theirs, ANY_PLACE)
    ]


def judge_double(double: Region, reviewed: Sequence[Region]) -> Decision:
    """Judge a box that was held back beside a surer box: confirmed by a reviewed box with its label, or not there."""
    (verdict, *_) = judge_by_overlap([double], reviewed)
    return Decision.CONFIRMED if verdict.decision == Decision.CONFIRMED else Decision.FALSE_POSITIVE


def _by_id(predicted: Sequence[Region], reviewed: Sequence[Region]) -> dict[int, int]:
    """
    Pair regions by id. A region keeps its id when it is moved or relabelled; an id used twice pairs once.

    Of several reviewed regions with the id, which an object with several labels has, the one with the label is first.
    """
    pairs = dict[int, int]()
    for key in (lambda region: (region.id, region.label)), (lambda region: region.id):
        paired = set(pairs.values())
        left = [(index, region) for index, region in enumerate(reviewed) if region.id and index not in paired]
        at = {key(region): index for index, region in reversed(left)}
        for index, region in enumerate(predicted):
            if region.id and index not in pairs and key(region) in at:
                pairs[index] = at.pop(key(region))
    return pairs


def _by_overlap(
    predicted: Sequence[Region], reviewed: Sequence[Region], paired: dict[int, int], same_object: float
) -> dict[int, int]:
    """Pair the regions left over by ids: the one-to-one assignment with the largest total IoU (Hungarian method)."""
    taken = set(paired.values())
    rows = [index for index in range(len(predicted)) if index not in paired]
    columns = [index for index in range(len(reviewed)) if index not in taken]
    if not rows or not columns:
        return {}
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    from loop.overlap import measure_iou

    ours, theirs = [predicted[row] for row in rows], [reviewed[column] for column in columns]
    overlap = measure_iou(*(np.array([region.box.sides for region in regions]) for regions in (ours, theirs)))
    # A pair with too little overlap is worth nothing, so it never replaces a pair with enough. Of equal overlaps the
    # pair with the same label is the same object.
    same_label = np.equal.outer(*(np.array([region.label for region in regions], object) for regions in (ours, theirs)))
    worth = np.where(overlap >= same_object, overlap + 0.01 * same_label, 0.0)
    return {
        rows[row]: columns[column]
        for row, column in zip(*linear_sum_assignment(worth, maximize=True), strict=True)
        if overlap[row, column] >= same_object
    }


def _decide(region: Region, reviewed: Sequence[Region], index: int | None, policy: JudgePolicy) -> Verdict:
    if index is None:
        return Verdict(Decision.FALSE_POSITIVE, region, None)
    left = reviewed[index]
    is_moved = _is_moved(region, left, policy)
    is_touched = is_moved or left.label != region.label
    return Verdict(Decision.CORRECTED if is_touched else Decision.CONFIRMED, region, left, is_moved=is_moved)


def _is_moved(region: Region, left: Region, policy: JudgePolicy) -> bool:
    is_redrawn = (left.rotation, left.shape) != (region.rotation, region.shape)
    return is_redrawn or not left.box.is_close_to(region.box, policy.same_place)


def shares_an_id(reviewed: Sequence[Region], served: Iterable[Sequence[Region]]) -> bool:
    """Whether a reviewed region still has the id of a predicted one."""
    ids = {region.id for region in reviewed if region.id}
    return any(region.id in ids for regions in served for region in regions)


def seen_by_reviewer(
    reviewed: Sequence[Region], began: float, served: Sequence[tuple[float, Sequence[Region]]]
) -> int | None:
    """
    Return the index of the prediction that the reviewer saw, out of all that were *served* for the task.

    *served* pairs the time of each prediction with its regions, oldest first; *began* is when the review began; both in
    seconds. The reviewer saw the prediction that shares most region ids with the review. Of equal predictions it is the
    one with most of these regions untouched: in old records two predictions of a version can share ids. Of equals again
    it is the newest that was served before the review began, else the first: labels by references change a prediction
    while somebody may have it open. If no prediction shares an id, it is the newest that was served before.
    """
    left: dict[str, list[Region]] = {}
    for region in reviewed:
        left.setdefault(region.id, []).append(region)
    shared = [[region for region in regions if region.id and region.id in left] for _, regions in served]
    before = [index for index, (at, _) in enumerate(served) if at <= began]
    if any(shared):
        untouched = [sum(_is_untouched(region, left[region.id]) for region in regions) for regions in shared]
        alike = [(len(regions), count) for regions, count in zip(shared, untouched, strict=True)]
        most = max(alike)
        equal = [index for index, like in enumerate(alike) if like == most]
        return max(set(equal).intersection(before), default=equal[0])
    return before[-1] if before else None


def _is_untouched(region: Region, left: Sequence[Region]) -> bool:
    """Whether one of the regions with the id of a predicted one is that one."""
    return any(region.label == other.label and not _is_moved(region, other, JudgePolicy()) for other in left)


def counted_review_key(*, is_ground_truth: bool, at: datetime, annotation: int) -> tuple[bool, datetime, int]:
    """
    Return the key that orders the completed reviews of one task; the largest counts.

    The order is by ground truth, then time, then id: reviews of the same time may come in any order.
    """
    return is_ground_truth, at, annotation
