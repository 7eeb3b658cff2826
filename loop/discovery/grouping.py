"""Groups tasks with similar objects, for a queue that visits all groups. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from loop.discovery.clustering import reduce_dimensions
from loop.discovery.neighbour_graph import Vectors
from loop.serving.queue_order import NO_GROUP

MOST = 50  # groups
DIMENSIONS = 50


def group_tasks(means: Mapping[int, Vectors], *, seed: int = 0) -> dict[int, int]:
    """
    Group tasks by k-means on the mean vector, float32 (dimension,), of the detections of each.

    It makes about sqrt(n / 2) groups of n tasks, numbered from 1; the same means and seed give the same groups.
    """
    if len(means) < 2:
        return dict.fromkeys(means, NO_GROUP + 1)
    from sklearn.cluster import KMeans

    tasks = sorted(means)
    vectors = reduce_dimensions(np.stack([means[task] for task in tasks]), DIMENSIONS)
    distinct = len(np.unique(vectors.round(4), axis=0))
    count = max(1, min(MOST, distinct, round(math.sqrt(len(tasks) / 2))))
    labels = KMeans(count, n_init=3, random_state=seed).fit_predict(vectors)
    return {task: NO_GROUP + 1 + int(label) for task, label in zip(tasks, labels, strict=True)}


def keep_numbers(groups: Mapping[int, int], before: Mapping[int, int]) -> dict[int, int]:
    """
    Renumber *groups*: each gets the number of the group *before* that it shares most tasks with, or a new number.

    No two groups get the same number. Label Studio counts finished tasks per number; a number must keep its meaning.
    """
    from scipy.optimize import linear_sum_assignment

    new, old = sorted(set(groups.values())), sorted(set(before.values()) - {NO_GROUP})
    shared = np.zeros((len(new), len(old)), np.intp)
    for task, number in groups.items():
        if before.get(task, NO_GROUP) != NO_GROUP:
            shared[new.index(number), old.index(before[task])] += 1
    names = {
        new[row]: old[column]
        for row, column in zip(*linear_sum_assignment(-shared), strict=True)
        if shared[row, column]
    }
    free = max([NO_GROUP, *old])
    for number in new:
        if number not in names:
            free += 1
            names[number] = free
    return {task: names[number] for task, number in groups.items()}
