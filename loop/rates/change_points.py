"""
Detects the changes of a rate, in the order of time. Pure.

This is the change-point model of Hawkins, Qiu and Kang (J. Quality Technology 35, 2003, 355-366). At every task, the
tasks since the last change are cut in two at every place, and the two parts are compared. No rate needs to be known
beforehand. The change is at the cut where the parts differ most. Shares are compared instead of normal means, by the
signed root of the likelihood ratio, which holds for few and for rare events.

Two effects could be mistaken for changes. The boxes of one image are alike. Therefore the ratio is divided by how much
more the tasks vary than independent boxes. The queue serves the least certain first, and every import and promotion
brings hard tasks to the front. Therefore a task is compared with the expectation for its class of confidence (as
Steiner and others do with surgeons who get the harder cases: Biostatistics 1, 2000, 441-452).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]

LAGS = (10, 13, 17, 22, 29, 38, 50, 65, 85, 110, 145, 190, 250, 330, 430, 560, 730, 950)  # tasks after the change
LEAST_PLACED = 3  # tasks after the located place of a change
PRIOR = 20  # prior weight, in tasks, of the variance of independent boxes


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """One task: *bad* of *total* boxes; *risk* (from 0) is the class of tasks that seem as hard."""

    bad: int
    total: int
    risk: int = 0


@dataclass(frozen=True, slots=True)
class ChangePolicy:
    """
    The conditions for a change: least tasks on both sides, least difference of the shares, least signed root.

    The root counts standard errors of one comparison. The limit is high for the thousands made in a year.
    """

    least_before: int = 30
    least_after: int = LAGS[0]
    least_change: float = 0.05
    threshold: float = 4.5


@dataclass(frozen=True, slots=True)
class RateChange:
    """
    A change between the tasks *first* - 1 and *first*, detected at the task *seen*.

    *after* is the bad share from there on. *before* is the share expected from the tasks before, for the same classes.
    """

    first: int
    seen: int
    before: float
    after: float

    @property
    def is_worse(self) -> bool:
        """Whether the bad share rose."""
        return self.after > self.before


def find_changes(outcomes: Sequence[TaskOutcome], policy: ChangePolicy | None = None) -> list[RateChange]:
    """
    Return every change in the order of detection; a detection does not depend on the tasks after it.

    After a change the rate is estimated again from its place on. Ten thousand tasks take a fraction of a second.
    """
    policy = policy or ChangePolicy()
    all_changes: list[RateChange] = []
    start = 0
    while len(outcomes) - start >= policy.least_before + policy.least_after:
        sums = _Sums(outcomes[start:])
        seen = _detect(sums, policy)
        if seen is None:
            break
        first = _locate_change(sums, seen, policy)
        before, after = sums.shares(first, seen)
        all_changes.append(RateChange(start + first, start + seen - 1, before, after))
        start += first
    return all_changes


class _Sums:
    """Running sums over tasks, by class; row *n* holds those of the first *n* tasks."""

    def __init__(self, outcomes: Sequence[TaskOutcome]) -> None:
        classes = max(outcome.risk for outcome in outcomes) + 1
        bad, total = (np.zeros((len(outcomes) + 1, classes)) for _ in range(2))
        for row, outcome in enumerate(outcomes, start=1):
            bad[row, outcome.risk], total[row, outcome.risk] = outcome.bad, outcome.total
        self.bad, self.total = bad.cumsum(0), total.cumsum(0)
        self._squares = [(a * b).cumsum(0) for a, b in ((bad, bad), (bad, total), (total, total))]

    def root(self, cut: Numbers, end: Numbers) -> tuple[Numbers, Numbers]:
        """
        Compare the tasks before *cut* with those from there to *end*, element by element.

        Return the signed root of the likelihood ratio, above 0 for worse, and the difference of the shares, both
        relative to the expectation for the classes.
        """
        share = self._share(end)
        bad_after, of_after = self.bad[end] - self.bad[cut], self.total[end] - self.total[cut]
        expected_after = (share * of_after).sum(-1)
        observed_after, size_after = bad_after.sum(-1), of_after.sum(-1)
        size_before = self.total[cut].sum(-1)
        excess = observed_after - expected_after
        observed_before, expected_before = self.bad[cut].sum(-1), (share * self.total[cut]).sum(-1)
        ratio = _deviance(observed_after, expected_after, size_after)
        ratio += _deviance(observed_before, expected_before, size_before)
        root = np.sign(excess) * np.sqrt(np.maximum(ratio, 0.0) / self._dispersion(end, share))
        sizes = np.maximum(size_after, 1), np.maximum(size_before, 1)
        return root, excess / sizes[0] + excess / sizes[1]

    def shares(self, cut: int, end: int) -> tuple[float, float]:
        """The bad share from *cut* to *end*: as expected from the tasks before *cut*, and as observed."""
        bad_after, of_after = self.bad[end] - self.bad[cut], self.total[end] - self.total[cut]
        overall = self.bad[cut].sum() / max(1, self.total[cut].sum())
        of_class = np.where(self.total[cut] > 0, self.bad[cut] / np.maximum(self.total[cut], 1), overall)
        size = max(1, of_after.sum())
        return float((of_class * of_after).sum() / size), float(bad_after.sum() / size)

    def _share(self, end: Numbers) -> Numbers:
        share: Numbers = self.bad[end] / np.maximum(self.total[end], 1)
        return share

    def _dispersion(self, end: Numbers, share: Numbers) -> Numbers:
        """The variance of the tasks relative to that of independent boxes; at least 1."""
        bad_bad, bad_total, total_total = (sums[end] for sums in self._squares)
        variance = (bad_bad - 2 * share * bad_total + share**2 * total_total).sum(-1)
        expected = (share * (1 - share) * self.total[end]).sum(-1)
        prior = PRIOR * expected / np.maximum(end, 1)
        dispersion: Numbers = np.maximum(1.0, (variance + prior) / np.maximum(expected + prior, 1e-12))
        return dispersion


def _deviance(observed: Numbers, expected: Numbers, size: Numbers) -> Numbers:
    """Twice the log likelihood ratio of a binomial count against its expectation."""
    from scipy.special import xlogy

    rest, expected_rest = size - observed, np.maximum(size - expected, 1e-12)
    deviance = xlogy(observed, np.maximum(observed, 1e-12) / np.maximum(expected, 1e-12))
    deviance += xlogy(rest, np.maximum(rest, 1e-12) / expected_rest)
    return np.asarray(2 * deviance)


def _detect(sums: _Sums, policy: ChangePolicy) -> int | None:
    """The number of tasks at which some cut first shows a change; None if none does."""
    tasks = len(sums.bad) - 1
    first = tasks + 1
    for lag in LAGS:
        ends = np.arange(policy.least_before + lag, min(tasks, first - 1) + 1)
        if lag < policy.least_after or not ends.size:
            continue
        hits = ends[_is_change(sums, ends - lag, ends, policy)]
        first = min(first, int(hits[0])) if hits.size else first
    return first if first <= tasks else None


def _is_change(sums: _Sums, cuts: Numbers, ends: Numbers, policy: ChangePolicy) -> Numbers:
    root, difference = sums.root(cuts, ends)
    return np.asarray((np.abs(root) >= policy.threshold) & (np.abs(difference) >= policy.least_change))


def _locate_change(sums: _Sums, end: int, policy: ChangePolicy) -> int:
    """The cut where the two parts differ most; it may be nearer to *end* than the cut that was detected."""
    cuts = np.arange(policy.least_before, end - LEAST_PLACED + 1)
    root, _ = sums.root(cuts, np.full(len(cuts), end))
    return int(cuts[np.argmax(np.abs(root))])
