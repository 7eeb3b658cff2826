"""
The seconds that a box cost an annotator, by its verdict, and the minutes that suggestions saved. Pure.

A review is taken to last as long as its image costs, and each of its boxes by its verdict, times a factor that varies
from review to review: slower or faster, sometimes many times as long, when the annotator was away. The costs are those
of the typical review: Huber's M-estimator of the logarithm of the factor, by Gauss-Newton steps that are non-negative
least squares (P. J. Huber, Robust Statistics, 1981). The intervals are percentiles of a bootstrap over reviews.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from loop.rates.intervals import HIGH, Interval, expand_level
from loop.rates.review_work import SUGGESTED, WORKS, ReviewWork, WorkKind

Floats = NDArray[np.float64]

HUBER = 1.345  # standard deviations from which a review counts for less: 95% as exact as least squares on a normal law
STEPS, CLOSE = 30, 1e-4  # most steps, and the relative change that ends them
FARTHEST = 1.5  # largest logarithm of a factor in one step
NORMAL_MAD = 1.4826  # standard deviation of a normal law over its median absolute deviation
A_MINUTE, IMAGES = 60.0, 100  # seconds; images that saved minutes are told for


@dataclass(frozen=True, slots=True)
class CostPolicy:
    """
    The least timed reviews, and the least boxes of a kind, for a number; the resamples behind an interval.

    The newest reviews count, at most *most_reviews* of a version and as many by hand.
    """

    least_reviews: int = 30
    most_reviews: int = 1000
    least_boxes: int = 10
    resamples: int = 400


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds, or minutes saved in a hundred images; negative where suggestions cost time."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class VersionCosts:
    """
    The seconds of each work on a version, and the minutes that its suggestions saved in a hundred images.

    A work with too few boxes is absent. Without *saved*, *why_none* has the reason.
    """

    reviews: int
    seconds: dict[WorkKind, Cost] = field(default_factory=dict)
    saved: Cost | None = None
    why_none: str = ""

    def describe_saved(self) -> str:
        """Return a line on the minutes saved."""
        if self.saved is None:
            return f"the minutes that suggestions saved are not known: {self.why_none}"
        interval = self.saved.interval
        minutes = f"{self.saved.value:z.1f} minutes ({interval.low:z.1f} to {interval.high:z.1f})"
        reviews = f"by {self.reviews} timed reviews"
        return f"suggestions saved {minutes} in {IMAGES} images, against boxes drawn by hand, {reviews}"


def measure_costs(reviews: Sequence[ReviewWork], by_hand: Sequence[ReviewWork], policy: CostPolicy) -> VersionCosts:
    """
    Measure the costs of a version from its *reviews*.

    Reviews *by hand*, of images without suggestions, help to tell the time of an image and of a drawn box. The minutes
    saved are those against all objects of the version's images drawn by hand, at the cost of a drawn box.
    """
    shown = [review for review in reviews if review.is_shown]
    if len(shown) < policy.least_reviews:
        needed = f"{policy.least_reviews} timed reviews of images with suggestions are needed"
        return VersionCosts(len(shown), why_none=f"{needed}, there are {len(shown)}")
    reviews, by_hand = reviews[-policy.most_reviews :], by_hand[-policy.most_reviews :]
    every = [*reviews, *by_hand]
    counts = np.array([review.counts for review in every], float)
    boxes, used = counts.sum(axis=0), counts.any(axis=0)
    times = _resample(len(every), policy.resamples)
    costs = np.zeros((len(times), len(WORKS)))
    costs[:, used] = _fit(counts[:, used], np.log([review.seconds for review in every]), times)
    told = [at for at, _ in enumerate(WORKS) if boxes[at] >= policy.least_boxes]
    seconds = {WORKS[at]: _summarise(costs[:, at], len(every)) for at in told}
    if WorkKind.DRAWN not in seconds:
        needed = f"{policy.least_boxes} boxes drawn by hand are needed to compare with"
        return VersionCosts(
            len(shown), seconds, why_none=f"{needed}, there are {boxes[WORKS.index(WorkKind.DRAWN)]:.0f}"
        )
    is_shown = np.array([review.is_shown for review in reviews] + [False] * len(by_hand))
    suggested = np.array([review.suggested for review in every], float)
    return VersionCosts(len(shown), seconds, _summarise(_save(costs, times, counts, suggested, is_shown), len(shown)))


def _save(costs: Floats, times: Floats, counts: Floats, suggested: Floats, is_shown: NDArray[np.bool_]) -> Floats:
    """Return the minutes saved in a hundred images, of each resample."""
    at = [WORKS.index(work) for work in SUGGESTED]
    weights = times * is_shown
    by_hand = (weights @ suggested) * costs[:, WORKS.index(WorkKind.DRAWN)]
    suggestions = ((weights @ counts[:, at]) * costs[:, at]).sum(axis=1)
    saved: Floats = (by_hand - suggestions) / weights.sum(axis=1).clip(1) * IMAGES / A_MINUTE
    return saved


def _resample(reviews: int, resamples: int) -> Floats:
    """Return how often each review is in each resample; first, each once."""
    drawn = np.random.default_rng(0).multinomial(reviews, np.full(reviews, 1 / reviews), size=resamples)
    return np.concatenate([np.ones((1, reviews)), drawn])


def _summarise(values: Floats, reviews: int) -> Cost:
    high_at = expand_level(HIGH, reviews)
    low, high = np.quantile(values[1:], [1 - high_at, high_at])
    return Cost(float(values[0]), Interval(float(low), float(high)))


def _fit(counts: Floats, logs: Floats, times: Floats) -> Floats:
    """Return the cost of each work, (resamples, works), from the *logs* of the seconds of reviews."""
    size = counts.shape[1]
    squares = (counts[:, :, None] * counts[:, None, :]).reshape(len(counts), -1)
    costs: Floats = np.full((len(times), size), np.exp(np.median(logs - np.log(counts.sum(axis=1)))))
    for _ in range(STEPS):
        expected = np.maximum(costs @ counts.T, 1e-9)
        factors = logs - np.log(expected)
        spread = NORMAL_MAD * float(np.median(np.abs(factors[0] - np.median(factors[0])))) or 1.0
        weights = times * np.minimum(1.0, HUBER * spread / np.maximum(np.abs(factors), 1e-12))
        left = ((weights / expected**2) @ squares).reshape(-1, size, size)
        right = (weights * (1 + factors.clip(-FARTHEST, FARTHEST)) / expected) @ counts
        stepped: Floats = np.array([_solve(*sides) for sides in zip(left, right, strict=True)])
        change = float(np.abs(stepped - costs).max() / costs.max())
        costs = stepped
        if change < CLOSE:
            break
    return costs


def _solve(left: Floats, right: Floats) -> Floats:
    """Solve normal equations for the best values that are not negative."""
    from scipy.optimize import nnls

    scale = np.sqrt(np.maximum(np.diag(left), 1e-300))
    root = np.linalg.cholesky(left / np.outer(scale, scale) + 1e-9 * np.eye(len(left)))
    values: Floats = nnls(root.T, np.linalg.solve(root, right / scale))[0] / scale
    return values
