"""Simulated annotators whose seconds for each work are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loop.rates.review_work import ReviewWork

SECONDS = (4.0, 0.6, 3.0, 2.0, 7.0, 1.2)  # in the order of WORKS: an image, and a box by its verdict


@dataclass(frozen=True, slots=True)
class SimulatedAnnotator:
    """
    An annotator: the *seconds* of each work, the *spread* of reviews, and the share of *breaks* during reviews.

    *spread* is the standard deviation of the logarithm of a review's factor. In a break a review takes 3 to 40 times
    as long.
    """

    seconds: tuple[float, ...] = SECONDS
    spread: float = 0.35
    breaks: float = 0.04


def simulate_reviews(
    rng: np.random.Generator, annotator: SimulatedAnnotator, number: int, *, is_shown: bool = True, right: float = 0.6
) -> list[ReviewWork]:
    """Simulate reviews of images, some of them harder; a share *right* of the objects has a box that is left."""
    reviews = []
    for _ in range(number):
        objects, hardness = int(rng.poisson(3) + 1), rng.beta(2, 2)
        share = min(0.95, right * (1.5 - hardness)) if is_shown else 0.0
        suggested = int(rng.binomial(objects, min(1.0, share + 0.2))) if is_shown else 0
        left = int(rng.binomial(suggested, share))
        moved = int(rng.binomial(suggested - left, 0.6))
        relabelled = suggested - left - moved + int(rng.binomial(moved, 0.1))
        deleted = int(rng.poisson(0.8 * hardness)) if is_shown else 0
        counts = (1, left, moved, relabelled, objects - suggested, deleted)
        factor = np.exp(rng.normal(0, annotator.spread)) * (
            rng.uniform(3, 40) if rng.random() < annotator.breaks else 1
        )
        seconds = float(np.dot(counts, annotator.seconds) * factor)
        if seconds <= 1800:
            reviews.append(ReviewWork(seconds, counts, suggested, is_shown=is_shown))
    return reviews


def saved_in_truth(reviews: list[ReviewWork], annotator: SimulatedAnnotator) -> float:
    """Return the minutes that suggestions saved in a hundred of these images."""
    _, left, moved, relabelled, drawn, deleted = annotator.seconds
    saved = [
        drawn * review.suggested
        - float(np.dot((left, moved, relabelled, deleted), np.take(review.counts, (1, 2, 3, 5))))
        for review in reviews
    ]
    return float(np.mean(saved)) * 100 / 60
