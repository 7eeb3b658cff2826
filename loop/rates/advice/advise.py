"""The advice that follows from the verdicts of tasks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loop.rates.intervals import BoxCluster, estimate
from loop.rates.rates import Rates


@dataclass(frozen=True, slots=True)
class RatePolicy:
    """The share of each verdict above which advice is given."""

    missed: float = 0.05
    false_positive: float = 0.2
    moved: float = 0.2
    relabelled: float = 0.1


def advise(tasks: Sequence[Rates], policy: RatePolicy | None = None) -> list[str]:
    """
    Return advice for each rate whose interval lies wholly above its limit, from the verdicts of each task.

    The boxes of one image are not independent, so the task is the unit: one crowded image calls for nothing.
    """
    policy = policy or RatePolicy()
    missed, wrong, moved, relabelled = zip(*(_list_shares(task) for task in tasks), strict=True) if tasks else [()] * 4
    checks = (
        (missed, policy.missed, "missed: annotate more images with what is missed"),
        (
            *(wrong, policy.false_positive),
            "false positives: raise model_score_threshold in the label config, or review images without the object",
        ),
        (moved, policy.moved, "boxes moved: train longer or on larger images; agree on how to draw"),
        (
            *(relabelled, policy.relabelled),
            "labels changed: classes are confused; annotate more of both, or define them better",
        ),
    )
    estimates = ((estimate(clusters), limit, advice) for clusters, limit, advice in checks)
    return [advice for share, limit, advice in estimates if share and share.interval.low > limit]


def _list_shares(task: Rates) -> tuple[BoxCluster, ...]:
    """The boxes of a task missed, false, moved and relabelled."""
    moved = task.corrected - task.relabelled
    of_predicted = (BoxCluster(part, task.predicted) for part in (task.false_positive, moved, task.relabelled))
    return BoxCluster(task.missed, task.reviewed), *of_predicted
