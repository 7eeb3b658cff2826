"""Learning curves: the area under them, and the labels that a share of the full data's precision needs. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t


@dataclass(frozen=True, slots=True)
class Between:
    """A mean over *seeds* with its 95% interval, which is nothing where there is one seed."""

    mean: float
    low: float
    high: float
    seeds: int = 1

    def text(self, digits: int = 3) -> str:
        """Return it as text."""
        interval = f"{self.low:.{digits}f} to {self.high:.{digits}f}" if self.seeds > 1 else "one seed"
        return f"{self.mean:.{digits}f} ({interval})"


def area(labelled: Sequence[float], values: Sequence[float], end: float) -> float:
    """Return the mean height of a curve from its first point to an *end* at most as far as its last, by trapezoids."""
    if end <= labelled[0]:
        return values[0]
    inside = [(along, up) for along, up in zip(labelled, values, strict=True) if along < end]
    along, up = [*(at for at, _ in inside), end], [*(value for _, value in inside), np.interp(end, labelled, values)]
    return float(np.trapezoid(up, along)) / (end - labelled[0])


def labels_needed(labelled: Sequence[float], values: Sequence[float], wanted: float) -> float | None:
    """Return after how many labels a curve first reaches a value, between its points by a line; None if it does not."""
    for at, value in enumerate(values):
        if value >= wanted:
            if at == 0:
                return labelled[0]
            share = (wanted - values[at - 1]) / (value - values[at - 1])
            return labelled[at - 1] + share * (labelled[at] - labelled[at - 1])
    return None


def mean_over_seeds(values: Sequence[float]) -> Between:
    """Return the mean over seeds with the 95% interval of Student's t."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Between(mean, mean, mean)
    within = float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    return Between(mean, mean - within, mean + within, len(values))
