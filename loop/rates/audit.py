"""
How much is missed on all tasks, though the queue serves the least certain first. Pure.

The audit is a random share of all tasks, placed in the queue regardless of their scores, so those reviewed so far are a
random sample of all: they tell the missed rate by themselves, however little is done. The chance that a task of the
queue is reviewed by now is not known: it is near one where the queue has been, and nothing where it has not. Weighting
the queue's reviews by any constant is therefore wrong; so is letting the audit stand for all that is not reviewed yet,
for the audit also holds tasks as hard as those that are done. What is known is each task's own score. Tasks scored
below the line down to which the queue is done are all reviewed and stand for themselves, with the weight one; for those
above it stand the audited tasks above it, each with the inverse of their share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from loop.rates.intervals import Cluster, Estimate, Interval, estimate

DONE = 0.99  # of the queue's tasks up to a score are reviewed: the rest is open on somebody's screen


@dataclass(frozen=True, slots=True)
class PredictedTask:
    """
    One task that a version predicted; *score* is its own, also where the audit placed it by another.

    Of a reviewed one, *missed* of the *objects* on its image were not predicted.
    """

    task_id: int
    score: float
    is_audit: bool
    is_reviewed: bool = False
    missed: int = 0
    objects: int = 0


def pooled(versions: Iterable[Sequence[PredictedTask]]) -> list[Estimate | None]:
    """
    Return the missed rate of each version over all the tasks it predicted, from both streams.

    *versions* come in the order they served. A task of the queue that was done under one version is not there to be
    predicted by the next; an audited task as uncertain as that would have been done as well, so it stands for nothing
    that is left, and is taken out. None where too little is audited to say.
    """
    gone: set[int] = set()
    found = []
    for tasks in versions:
        left = [task for task in tasks if task.task_id not in gone]
        line = done_line([task for task in left if not task.is_audit])
        found.append(_post_stratified(left, line))
        gone |= {task.task_id for task in left if task.is_audit and task.score <= line}
    return found


def done_line(queue: Sequence[PredictedTask]) -> float:
    """Return the highest score up to which the queue's tasks are reviewed, all but one in a hundred; -1 if none is."""
    ordered = sorted(queue, key=lambda task: task.score)
    line, reviewed = -1.0, 0
    for place, task in enumerate(ordered, start=1):
        reviewed += task.is_reviewed
        is_last_of_ties = place == len(ordered) or ordered[place].score > task.score
        if is_last_of_ties and reviewed >= DONE * place:
            line = task.score
    return line


def _post_stratified(tasks: Sequence[PredictedTask], line: float) -> Estimate | None:
    """
    Put together what is done and what the audit says of the rest.

    The interval follows from that of the rest (the method of variance estimates recovery: Zou, Donner: Statistics in
    Medicine 27, 2008, 1693-1702), and from how many objects there may be on the rest.
    """
    below, above = ([task for task in tasks if (task.score > line) == is_above] for is_above in (False, True))
    done = [_cluster(task) for task in below if task.is_reviewed]
    sample = [_cluster(task) for task in above if task.is_audit and task.is_reviewed]
    if len(sample) == len(above):  # nothing is left to stand for
        return estimate(done + sample, len(done + sample))
    of_done, rest = estimate(done, len(done)), estimate(sample, len(above))
    if rest is None or of_done is None:
        return rest
    whole = np.array([one.whole for one in sample], float)
    objects_done = sum(one.whole for one in done) / len(done) * len(below)
    objects_above = float(whole.mean()) * len(above)
    share_above = objects_above / (objects_done + objects_above)
    share = share_above * rest.share + (1 - share_above) * of_done.share
    unsure = float(whole.std(ddof=1) / whole.mean()) * math.sqrt((1 - len(sample) / len(above)) / len(sample))
    by_weight = 2 * unsure * share_above * (1 - share_above) * (rest.share - of_done.share)  # two standard errors
    low = share - math.hypot(share_above * (rest.share - rest.interval.low), by_weight)
    high = share + math.hypot(share_above * (rest.interval.high - rest.share), by_weight)
    return Estimate(share, Interval(max(0.0, low), min(1.0, high)), of_done.tasks + rest.tasks)


def _cluster(task: PredictedTask) -> Cluster:
    return Cluster(task.missed, task.objects)
