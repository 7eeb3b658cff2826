"""
The order of the queue: a task's score is the chance that its pre-annotation needs no work, lowest first. Pure.

Read each confidence as the chance that the detection is right. A shown box is right with this chance; a held-back box
is rightly absent with the rest of the chance. All must be right: the chances are multiplied.
`scripts/bench/priority.py` compares this with other ways; docs/tried.md has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loop.draws import draw_pair

NO_GROUP = 0  # of tasks without detections, or that came after the grouping
NOTHING_KNOWN = 0.5  # the score without any box: neither first nor last


@dataclass(frozen=True, slots=True)
class AuditPolicy:
    """The share of tasks that are served whatever their score, which measures the blind spots of the queue."""

    share: float = 0.05


def task_score(confidences: Sequence[float], threshold: float) -> float:
    """
    Score one task in [0, 1] from the confidences of all its boxes, shown (>= *threshold*) or held back.

    With *threshold* t, a held-back box of confidence c < t is rightly absent with the chance 1 - c / 2t: one half just
    under the threshold, one far under it.
    """
    if not confidences:
        return NOTHING_KNOWN
    score = math.prod(box_certainty(confidence, threshold) for confidence in confidences)
    if max(confidences) < threshold:
        score *= NOTHING_KNOWN  # an empty pre-annotation is never the most certain
    return score


def box_certainty(confidence: float, threshold: float) -> float:
    """Return the chance that a box is rightly shown, or rightly held back."""
    if confidence >= threshold:
        return confidence
    return 1.0 - 0.5 * confidence / threshold


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
