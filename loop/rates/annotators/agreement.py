"""How far the annotators of a task agree with each other, and with its known answer. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import NamedTuple

from loop.label_studio.payloads import Review
from loop.rates.intervals import BoxCluster, Estimate, estimate
from loop.rates.rates import Rates, count
from loop.regions import Region
from loop.reviews.verdicts import Decision, Verdict, judge_by_overlap


class Matched(NamedTuple):
    """The boxes of two people on one image, and the number of *pairs* that show the same object with the same label."""

    pairs: int
    boxes: int

    @property
    def share(self) -> float:
        """The agreement, 0 to 1: the share of the boxes that are in a pair; 1 where neither drew a box."""
        return 2 * self.pairs / self.boxes if self.boxes else 1.0


@dataclass(frozen=True, slots=True)
class TaskAgreement:
    """
    The agreement of the *annotators* of one task: the mean over their pairs, with the *boxes* of each.

    *known_by* is who made the known answer; None where the task has none.
    """

    task_id: int
    share: float
    annotators: tuple[int, ...]
    boxes: tuple[int, ...]
    known_by: int | None
    is_known: bool


@dataclass(frozen=True, slots=True)
class AnnotatorFigures:
    """
    One annotator beside the others.

    *known* counts the verdicts on their boxes by the answers to *known_tasks* tasks; *right* is the share of the boxes,
    theirs and those of the answers, that fit. *agreed* is the same share by the boxes of others, on *shared_tasks*
    tasks. An estimate is None where fewer than two tasks have a box.
    """

    known: Rates
    known_tasks: int
    right: Estimate | None
    shared_tasks: int
    agreed: Estimate | None


def match_boxes(first: Sequence[Region], second: Sequence[Region]) -> Matched:
    """
    Match the boxes of two people by the rule of verdicts: one to one, an IoU of at least 0.5, and the same label.

    The order of the boxes does not matter, nor who is first.
    """
    one, other = sorted(
        (sorted(first, key=_place), sorted(second, key=_place)), key=lambda boxes: [*map(_place, boxes)]
    )
    return _count_matched(judge_by_overlap(one, other))


def compare_tasks(reviews: Iterable[Review], since: datetime | None = None) -> list[TaskAgreement]:
    """Return each task that several people annotated, those with the least agreement first; by the newest *since*."""
    compared = []
    for task_id, of_task in _group_by_task(reviews).items():
        own, known = newest_by_annotator(of_task), find_known(of_task)
        newest = max((review.updated_at for review in own.values()), default=None)
        if newest is None or len(own) < 2 or (since and newest < since):
            continue
        pairs = [match_boxes(one.regions, other.regions).share for one, other in combinations(own.values(), 2)]
        compared.append(
            TaskAgreement(
                task_id,
                sum(pairs) / len(pairs),
                tuple(own),
                tuple(len(review.regions) for review in own.values()),
                known.annotator if known else None,
                is_known=known is not None,
            )
        )
    return sorted(compared, key=lambda task: (task.share, task.task_id))


def compare_annotators(reviews: Iterable[Review], since: datetime | None = None) -> dict[int, AnnotatorFigures]:
    """
    Return the figures of everyone who annotated a task that has another annotation; by their reviews *since*.

    Nobody is measured by an answer of their own.
    """
    verdicts: dict[int, list[list[Verdict]]] = {}
    shared: dict[int, list[BoxCluster]] = {}
    for of_task in _group_by_task(reviews).values():
        own, known = newest_by_annotator(of_task), find_known(of_task)
        for annotator, review in own.items():
            if since and review.updated_at < since:
                continue
            if known and known.annotator != annotator:
                verdicts.setdefault(annotator, []).append(judge_by_overlap(review.regions, known.regions))
            others = [other for other in own.values() if other.annotator != annotator]
            if others:
                matched = [match_boxes(review.regions, other.regions) for other in others]
                shared.setdefault(annotator, []).append(_add(matched))
    annotators = sorted(verdicts.keys() | shared.keys())
    return {each: _measure(verdicts.get(each, []), shared.get(each, [])) for each in annotators}


def newest_by_annotator(reviews: Iterable[Review]) -> dict[int, Review]:
    """Return the newest review of each person; without imported ones, and those whose maker is not known."""
    ordered = sorted(reviews, key=lambda review: (review.updated_at, review.id))
    newest = {review.annotator: review for review in ordered if review.annotator is not None and not review.is_imported}
    return dict(sorted(newest.items()))


def find_known(reviews: Iterable[Review]) -> Review | None:
    """Return the known answer of a task, its starred review; of several the newest."""
    return max(
        (review for review in reviews if review.is_ground_truth),
        key=lambda review: (review.updated_at, review.id),
        default=None,
    )


def _measure(verdicts: Sequence[Sequence[Verdict]], shared: Sequence[BoxCluster]) -> AnnotatorFigures:
    every = [verdict for of_task in verdicts for verdict in of_task]
    return AnnotatorFigures(
        known=count((verdict.decision for verdict in every), relabelled=sum(one.is_relabelled for one in every)),
        known_tasks=len(verdicts),
        right=estimate([_add([_count_matched(of_task)]) for of_task in verdicts]),
        shared_tasks=len(shared),
        agreed=estimate(shared),
    )


def _count_matched(verdicts: Sequence[Verdict]) -> Matched:
    boxes = sum((verdict.predicted is not None) + (verdict.reviewed is not None) for verdict in verdicts)
    return Matched(sum(verdict.decision == Decision.CONFIRMED for verdict in verdicts), boxes)


def _add(matched: Sequence[Matched]) -> BoxCluster:
    return BoxCluster(2 * sum(each.pairs for each in matched), sum(each.boxes for each in matched))


def _place(region: Region) -> tuple[float, float, float, float, str]:
    box = region.box
    return *box.sides, region.label


def _group_by_task(reviews: Iterable[Review]) -> dict[int, list[Review]]:
    groups: dict[int, list[Review]] = {}
    for review in reviews:
        groups.setdefault(review.task_id, []).append(review)
    return groups
