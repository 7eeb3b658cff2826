"""Compares candidate and champion on the same held-out images, with confidence intervals. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.gate.average_precision import Counts, average_classes, average_precisions, resample
from loop.gate.evaluation import Evaluation, KindOf, Metrics, ShownBoxes, one_kind
from loop.rates.intervals import HIGH, Interval, expand_level

RESAMPLES = 1000
AT_ONCE = 250  # resamples in memory at a time
Sides = tuple[float, float]  # a number for the champion, and one for the candidate
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)  # at which a report counts the boxes of the candidate


@dataclass(frozen=True, slots=True)
class MetricChange:
    """
    AP of both sides, the 95% interval of the candidate's lead, and the share of resamples in which it leads.

    The interval consists of percentiles of a paired bootstrap over images, expanded for small samples. The intervals of
    each side's own AP come from the same resamples; they are None in a report that was written before they were kept.
    """

    champion: float
    candidate: float
    low: float
    high: float
    better: float
    champion_interval: Interval | None = None
    candidate_interval: Interval | None = None

    @property
    def lead(self) -> float:
        """AP of the candidate minus AP of the champion."""
        return self.candidate - self.champion


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the measurement, which is a class or a subset of the images: its size and its change."""

    name: str
    images: int
    boxes: int
    change: MetricChange


@dataclass(frozen=True, slots=True)
class Mistakes:
    """The number of wrong boxes of each side on one image, counting boxes above its display threshold."""

    image: str
    champion: int
    candidate: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Median milliseconds per image of both sides, measured in turn in one run."""

    champion: float
    candidate: float

    @property
    def ratio(self) -> float:
        """Latency of the candidate divided by that of the champion."""
        return self.candidate / self.champion


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    The full comparison of a candidate with a champion.

    *classes* are the classes with labels. *known* are the images that the champion was first measured on. *fresh* are
    the images held out since then. Either is None where it has no images. *latency* is None where nothing was timed.
    *shown* are the boxes of the candidate at its display threshold and at others, from the least; empty in a report
    that was written before they were counted.
    """

    champion: Metrics
    candidate: Metrics
    overall: MetricChange
    classes: tuple[Part, ...]
    known: Part | None
    fresh: Part | None
    mistakes: tuple[Mistakes, ...]
    latency: Latency | None
    resamples: int
    shown: tuple[ShownBoxes, ...] = ()

    @property
    def fewest_mistakes(self) -> ShownBoxes | None:
        """The threshold at which the candidate has the fewest mistakes, the least of several; None if none is known."""
        return min(self.shown, key=lambda one: one.mistakes, default=None)


def contrast(
    champion: Evaluation,
    candidate: Evaluation,
    *,
    known: Collection[str] = (),
    thresholds: Sides = (0.25, 0.25),
    kind_of: KindOf = one_kind,
    latency: Latency | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """
    Compare two evaluations of one split on the same resamples of its images.

    *known* names the images of the champion's own held-out split. AP counts all detections; the mistakes count those
    shown at the *thresholds* of champion and candidate. *kind_of* gives the kind of a label. Raises ValueError where
    the splits differ.
    """
    counts = champion.label_counts()
    if champion.images != candidate.images or not np.array_equal(counts, candidate.label_counts()):
        raise ValueError(f"measured on different splits: {candidate.metrics} and {champion.metrics}")
    whole, drawn = _measure(champion, candidate, np.arange(len(champion.images)), resamples, seed)
    is_known = np.array([name in known for name in champion.images], bool)
    wrong = champion.mistakes(thresholds[0], kind_of), candidate.mistakes(thresholds[1], kind_of)
    return Comparison(
        champion=champion.metrics,
        candidate=candidate.metrics,
        overall=_compute_change(len(champion.images), *map(average_classes, whole), *map(average_classes, drawn)),
        classes=tuple(_compare_classes(champion, whole, drawn)),
        known=_compare_part("old images", champion, candidate, is_known, resamples, seed) if is_known.any() else None,
        fresh=_compare_part("new images", champion, candidate, ~is_known, resamples, seed)
        if 0 < is_known.sum() < len(is_known)
        else None,
        mistakes=tuple(Mistakes(name, int(a), int(b)) for name, a, b in zip(champion.images, *wrong, strict=True)),
        latency=latency,
        resamples=resamples,
        shown=candidate.count_shown(sorted({*THRESHOLDS, thresholds[1]}), kind_of),
    )


Pair = tuple[NDArray[np.float64], NDArray[np.float64]]


def _measure(
    champion: Evaluation, candidate: Evaluation, images: NDArray[np.intp], resamples: int, seed: int
) -> tuple[Pair, Pair]:
    """AP of both sides by class, on all *images* once and on resamples of them."""
    rng = np.random.default_rng(seed)
    size = len(champion.images)
    once = np.zeros((1, size), np.float32)
    once[:, images] = 1
    pairs = [_measure_pair(champion, candidate, once)]
    for start in range(0, resamples, AT_ONCE):
        times = np.zeros((min(AT_ONCE, resamples - start), size), np.float32)
        times[:, images] = resample(len(images), len(times), rng)
        pairs.append(_measure_pair(champion, candidate, times))
    drawn = (np.concatenate([pair[0] for pair in pairs[1:]]), np.concatenate([pair[1] for pair in pairs[1:]]))
    return pairs[0], drawn


def _measure_pair(champion: Evaluation, candidate: Evaluation, counts: Counts) -> Pair:
    return average_precisions(champion, counts), average_precisions(candidate, counts)


def _compare_classes(evaluation: Evaluation, whole: Pair, drawn: Pair) -> Iterator[Part]:
    counts = evaluation.label_counts()
    for class_id in np.flatnonzero(counts.any(axis=0)):
        labels = counts[:, class_id]
        images = int((labels > 0).sum())
        change = _compute_change(images, *(side[:, class_id] for side in (*whole, *drawn)))
        yield Part(evaluation.class_names[class_id], images, int(labels.sum()), change)


def _compare_part(
    name: str, champion: Evaluation, candidate: Evaluation, chosen: NDArray[np.bool_], resamples: int, seed: int
) -> Part:
    whole, drawn = _measure(champion, candidate, np.flatnonzero(chosen), resamples, seed)
    change = _compute_change(int(chosen.sum()), *map(average_classes, whole), *map(average_classes, drawn))
    return Part(name, int(chosen.sum()), int(champion.label_counts()[chosen].sum()), change)


def _compute_change(
    images: int,
    champion: NDArray[np.float64],
    candidate: NDArray[np.float64],
    champion_drawn: NDArray[np.float64],
    candidate_drawn: NDArray[np.float64],
) -> MetricChange:
    leads = candidate_drawn - champion_drawn
    leads = leads[~np.isnan(leads)]
    lead = _find_interval(leads, images)
    return MetricChange(
        champion=float(champion[0]),
        candidate=float(candidate[0]),
        low=lead.low,
        high=lead.high,
        better=float((leads > 0).mean()) if len(leads) else 0.0,
        champion_interval=_find_interval(champion_drawn, images),
        candidate_interval=_find_interval(candidate_drawn, images),
    )


def _find_interval(drawn: NDArray[np.float64], images: int) -> Interval:
    """The 95% interval of values on resamples of *images*, expanded for small samples; zeros without any value."""
    known = drawn[~np.isnan(drawn)]
    high_at = expand_level(HIGH, images)
    low, high = np.quantile(known, [1 - high_at, high_at]) if len(known) else (0.0, 0.0)
    return Interval(float(low), float(high))
