"""
Estimates the missed rate over all tasks, though the queue serves the least certain first. Pure.

The audit is a random share of all tasks, placed in the queue regardless of their scores. Its reviewed tasks are a
random sample of all tasks and give the missed rate by themselves, however few they are. The chance that a task of the
queue is reviewed by now is unknown: near 1 where the queue is done, 0 where it is not. Weighting the queue's reviews by
a constant is therefore wrong. Letting the audit represent all unreviewed tasks is wrong too, because it also holds
tasks as hard as the reviewed ones. Each task's own score is known. Tasks scored below the line down to which the queue
is done are all reviewed and have the weight 1. The audited tasks above the line represent all tasks above it, each with
the inverse of their share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loop.rates.intervals import BoxCluster, Estimate, Interval, estimate

DONE = 0.99  # share of the queue's tasks up to a score that are reviewed; annotators have the rest open


@dataclass(frozen=True, slots=True)
class PredictedTask:
    """
    One task that a version predicted; *score* is its own, even if the audit placed it by another score.

    If it is reviewed, *missed* of the *objects* on its image were not predicted.
    """

    task_id: int
    score: float
    is_audit: bool
    is_reviewed: bool = False
    missed: int = 0
    objects: int = 0


def pool_versions(versions: Iterable[Sequence[PredictedTask]]) -> list[Estimate | None]:
    """
    Return the missed rate of each version over all the tasks it predicted, from both streams.

    *versions* come in the order they served. A task of the queue reviewed under one version is not predicted by the
    next. An audited task as uncertain as that represents no remaining task and is removed for later versions. The
    estimate is None if too few tasks are audited.
    """
    taken_ids: set[int] = set()
    estimates = []
    for tasks in versions:
        remaining = [task for task in tasks if task.task_id not in taken_ids]
        line = find_done_line([task for task in remaining if not task.is_audit])
        estimates.append(_post_stratify(remaining, line))
        taken_ids |= {task.task_id for task in remaining if task.is_audit and task.score <= line}
    return estimates


def find_done_line(queue: Sequence[PredictedTask]) -> float:
    """Return the highest score up to which the queue's tasks are reviewed, all but one in a hundred; -1 if none is."""
    ordered = sorted(queue, key=lambda task: task.score)
    line, reviewed = -1.0, 0
    for place, task in enumerate(ordered, start=1):
        reviewed += task.is_reviewed
        is_last_of_ties = place == len(ordered) or ordered[place].score > task.score
        if is_last_of_ties and reviewed >= DONE * place:
            line = task.score
    return line


def _post_stratify(tasks: Sequence[PredictedTask], line: float) -> Estimate | None:
    """
    Combine the reviewed tasks with the audit's estimate for the rest.

    The interval follows from that of the rest (the method of variance estimates recovery: Zou, Donner: Statistics in
    Medicine 27, 2008, 1693-1702), and from the uncertain number of objects on the rest.
    """
    import numpy as np

    below, above = ([task for task in tasks if (task.score > line) == is_above] for is_above in (False, True))
    done = [_make_cluster(task) for task in below if task.is_reviewed]
    sample = [_make_cluster(task) for task in above if task.is_audit and task.is_reviewed]
    if len(sample) == len(above):  # every task above the line is in the sample
        return estimate(done + sample, len(done + sample))
    done_estimate, rest_estimate = estimate(done, len(done)), estimate(sample, len(above))
    if rest_estimate is None or done_estimate is None:
        return rest_estimate
    whole = np.array([cluster.whole for cluster in sample], float)
    objects_done = sum(cluster.whole for cluster in done) / len(done) * len(below)
    objects_above = float(whole.mean()) * len(above)
    share_above = objects_above / (objects_done + objects_above)
    share = share_above * rest_estimate.share + (1 - share_above) * done_estimate.share
    relative_error = float(whole.std(ddof=1) / whole.mean()) * math.sqrt((1 - len(sample) / len(above)) / len(sample))
    difference = rest_estimate.share - done_estimate.share
    weight_error = 2 * relative_error * share_above * (1 - share_above) * difference  # two standard errors
    low = share - math.hypot(share_above * (rest_estimate.share - rest_estimate.interval.low), weight_error)
    high = share + math.hypot(share_above * (rest_estimate.interval.high - rest_estimate.share), weight_error)
    return Estimate(share, Interval(max(0.0, low), min(1.0, high)), done_estimate.tasks + rest_estimate.tasks)


def _make_cluster(task: PredictedTask) -> BoxCluster:
    return BoxCluster(task.missed, task.objects)
