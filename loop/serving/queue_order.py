"""
The order of the queue: a task's score in [0, 1], lowest first; by default the chance that it needs no work. Pure.

Read each confidence as the chance that the detection is right. A shown box is right with this chance; a held-back box
is rightly absent with the rest of the chance. All must be right: the chances are multiplied.
`scripts/bench/priority.py` compares the orders; docs/tried.md has the figures. A detection has one confidence and no
scores of the other classes, so entropy and margin are those of a box that is right or not.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import repeat

from loop.draws import draw_number, draw_pair
from loop.regions import Region

NO_GROUP = 0  # of tasks without detections, or that came after the grouping
NOTHING_KNOWN = 0.5  # the score without any box: neither first nor last
HARDEST = 2.0  # the weight of a box of a class that was never measured, or never detected


class QueueOrder(StrEnum):
    """A way to score tasks; the words are the values of LOOP_QUEUE_ORDER."""

    PRODUCT = "product"  # the chance that all boxes are right: images with many boxes come early
    PER_BOX = "per_box"  # the geometric mean of these chances, whatever the number of boxes
    WEAK_CLASSES = "weak_classes"  # the product, in which a box of a weak class counts up to twice
    LEAST = "least"  # the least confidence of the shown boxes
    MEAN = "mean"  # their mean confidence
    ENTROPY = "entropy"  # their mean entropy
    MARGIN = "margin"  # the least difference of a shown box between right and wrong
    RANDOM = "random"


def _entropy(chance: float) -> float:
    """Return the entropy, in bits, of an event with a *chance*."""
    chances = (chance, 1.0 - chance)
    return min(1.0, -sum(each * math.log2(each) for each in chances if each > 0.0))


OF_SHOWN: dict[QueueOrder, Callable[[Sequence[float]], float]] = {  # orders that only look at shown boxes
    QueueOrder.LEAST: min,
    QueueOrder.MEAN: statistics.fmean,
    QueueOrder.ENTROPY: lambda shown: 1.0 - statistics.fmean(map(_entropy, shown)),
    QueueOrder.MARGIN: lambda shown: min(abs(2.0 * confidence - 1.0) for confidence in shown),
}


@dataclass(frozen=True, slots=True)
class AuditPolicy:
    """The share of tasks that are served whatever their score, which measures the blind spots of the queue."""

    share: float = 0.05


def task_score(
    confidences: Sequence[float],
    threshold: float,
    order: QueueOrder = QueueOrder.PRODUCT,
    weights: Sequence[float] = (),
) -> float:
    """
    Score one task in [0, 1] from the confidences of all its boxes, shown (>= *threshold*) or held back, in any order.

    With *threshold* t, a held-back box of confidence c < t is rightly absent with the chance 1 - c / 2t: one half just
    under the threshold, one far under it. A box counts as often as its weight says, in a product. Where nothing is
    shown, the held-back boxes decide in every order. The random order needs a task, see `Ranking`.
    """
    if not confidences:
        return NOTHING_KNOWN
    shown = [confidence for confidence in confidences if confidence >= threshold]
    if shown and order in OF_SHOWN:
        return OF_SHOWN[order](shown)
    weighted = zip(confidences, weights or repeat(1.0, len(confidences)), strict=True)
    score = math.prod(sorted(math.pow(box_certainty(confidence, threshold), weight) for confidence, weight in weighted))
    if order is QueueOrder.PER_BOX:
        score = math.pow(score, 1.0 / len(confidences))
    return score if shown else score * NOTHING_KNOWN  # an empty pre-annotation is never the most certain


def box_certainty(confidence: float, threshold: float) -> float:
    """Return the chance that a box is rightly shown, or rightly held back."""
    if confidence >= threshold:
        return confidence
    return 1.0 - 0.5 * confidence / threshold


ClassPrecisions = Callable[[int, str], Mapping[str, float]]  # of a project's version: the AP of each label, 0 to 1


def know_no_precision(_project_id: int, _version: str) -> Mapping[str, float]:
    """Return the precisions of a version that the gate never measured."""
    return {}


@dataclass(frozen=True, slots=True)
class Ranking:
    """The order of a setting; *precisions* has the classes of a version as the gate measured them."""

    order: QueueOrder = QueueOrder.PRODUCT
    precisions: ClassPrecisions = know_no_precision

    def score(self, project_id: int, task_id: int, version: str, regions: Iterable[Region], threshold: float) -> float:
        """
        Score a task from all *regions* of a version, shown or held back.

        Weak classes are guarded: a box counts as often as 2 less the AP of its label, and twice where it has none.
        """
        if self.order is QueueOrder.RANDOM:
            return draw_number("queue order", project_id, task_id)
        boxes, weights = list(regions), list[float]()
        if self.order is QueueOrder.WEAK_CLASSES:
            known = self.precisions(project_id, version)
            weights = [HARDEST - known.get(box.label, 0.0) for box in boxes]
        return task_score([box.score or 0.0 for box in boxes], threshold, self.order, weights)


def audit_draw(project_id: int, task_id: int, policy: AuditPolicy) -> float | None:
    """
    Return the fixed draw in [0, 1) of a task in the audit, None for any other task.

    The draw depends on the ids alone: a task is in the audit for every version or for none.
    """
    chance, draw = draw_pair("audit", project_id, task_id)
    return draw if chance < policy.share else None


def audit_score(draw: float, queue_scores: Sequence[float]) -> float:
    """Return the score that places an audited task in the queue: the quantile *draw* of the other tasks' scores."""
    if not queue_scores:
        return draw
    ordered = sorted(queue_scores)
    return ordered[min(len(ordered) - 1, int(draw * len(ordered)))]
