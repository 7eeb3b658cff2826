"""
How likely a task's pre-annotation needs no work: the score that orders the queue, lowest first. Pure.

Read each confidence as the chance that the detection is right. A box shown is right with that chance; a candidate
kept back under the threshold is rightly absent with the chance that is left. All of them must be right, so the chances
are multiplied. `scripts/bench/priority.py` compares this with other ways; docs/how-it-works.md has the figures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loop.draws import draw_pair

NO_GROUP = 0  # the group of tasks that nothing was found on, or that came after the grouping
NOTHING_KNOWN = 0.5  # no box and no candidate says nothing: neither first nor last


@dataclass(frozen=True, slots=True)
class AuditPolicy:
    """The share of tasks served regardless of their score, so that the queue's own blind spots are measured."""

    share: float = 0.05


def task_score(confidences: Sequence[float], threshold: float) -> float:
    """
    Score one task in [0, 1] from the confidences of all its candidates, shown (>= *threshold*) or not.

    With *threshold* t, a hidden candidate of confidence c < t counts as c / t doubtful: just under the line is a coin
    that fell the other way, far under it is nothing.
    """
    if not confidences:
        return NOTHING_KNOWN
    score = math.prod(_certainty(confidence, threshold) for confidence in confidences)
    if max(confidences) < threshold:
        score *= NOTHING_KNOWN  # an empty pre-annotation is never the surest one
    return score


def _certainty(confidence: float, threshold: float) -> float:
    if confidence >= threshold:
        return confidence
    return 1.0 - 0.5 * confidence / threshold


def audit_draw(project_id: int, task_id: int, policy: AuditPolicy) -> float | None:
    """
    Tell whether a task is in the audit: None where it is not, else its own fixed draw in [0, 1).

    The draw depends on the ids alone, so a task is in the audit for every version or for none.
    """
    chance, draw = draw_pair("audit", project_id, task_id)
    return draw if chance < policy.share else None


def audit_score(draw: float, queue_scores: Sequence[float]) -> float:
    """Place an audited task in the queue by its *draw* alone: at that quantile of the scores of the others."""
    if not queue_scores:
        return draw
    ordered = sorted(queue_scores)
    return ordered[min(len(ordered) - 1, int(draw * len(ordered)))]
