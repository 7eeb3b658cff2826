"""Confidence intervals: of shares, of independent trials or of boxes clustered by image; of bootstraps. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
HIGH = 0.975  # upper quantile of the 95% interval; the lower one is 1 - HIGH


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95% confidence interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class BoxCluster:
    """The contribution of one task to a share: *part* of the *whole* of its objects."""

    part: int
    whole: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share of the objects on many tasks, its interval, and the number of tasks behind it."""

    share: float
    interval: Interval
    tasks: int


def wilson(successes: float, total: float, z: float = 1.96) -> Interval | None:
    """
    Return the score interval of a share (E. B. Wilson, 1927); None if *total* is 0.

    Unlike the normal approximation, it stays within [0, 1] and holds for few observations.
    """
    if not total:
        return None
    share, spread = successes / total, z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def expand_level(level: float, size: int) -> float:
    """
    The share of resamples that corresponds to a confidence of *level* on a sample of a *size*.

    A bootstrap of a small sample gives too narrow an interval. The correction is like Student's t for a mean: the
    expanded percentile interval of Hesterberg, What Teachers Should Know About the Bootstrap, 2015, section 5.3.
    """
    from scipy.special import ndtr, stdtrit

    if size < 2:
        return 1.0
    return float(ndtr(math.sqrt(size / (size - 1)) * stdtrit(size - 1, level)))


def estimate(sample: Sequence[BoxCluster], population: float = math.inf) -> Estimate | None:
    """
    Return the share of the objects in a *population* of tasks, given as their number, from a random *sample* of them.

    Every task had the same chance, so its inverse cancels in Hájek's ratio of sums. The variance is linearised with the
    task as the unit, because the boxes of one image are not independent (Särndal, Swensson, Wretman: Model Assisted
    Survey Sampling, 1992, sections 5.6 and 7.3). The interval is Wilson's for as many independent boxes as would have
    that variance, with Student's t for few tasks (Franco, Little, Louis, Slud: J. Survey Statistics and Methodology 7,
    2019, 334-364). None if fewer than two tasks have an object, unless the sample is the population.
    """
    import numpy as np
    from scipy.special import stdtrit

    part, whole = (np.array([getattr(task, name) for task in sample], float) for name in ("part", "whole"))
    total, tasks = float(whole.sum()), int(np.count_nonzero(whole))
    unsampled = 1.0 - len(sample) / population if population else 0.0
    if not total or (tasks < 2 and unsampled > 0.0):
        return None
    share = float(part.sum()) / total
    if unsampled <= 0.0:
        return Estimate(share, Interval(share, share), tasks)
    variance = unsampled * tasks / (tasks - 1) * float(np.sum((part - share * whole) ** 2)) / total**2
    # If all boxes agree, the variance is 0; then the tasks, not their boxes, are the trials.
    trials = share * (1 - share) / variance if variance else float(tasks)
    interval = wilson(share * trials, trials, float(stdtrit(tasks - 1, (1 + CONFIDENCE) / 2)))
    assert interval is not None
    return Estimate(share, interval, tasks)
