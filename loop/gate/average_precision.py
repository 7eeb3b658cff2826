"""Average precision on resamples of the images, as ultralytics' validator computes it on all of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from loop.gate.evaluation import IOUS, Evaluation, Found

GRID = np.linspace(0.0, 1.0, 101)  # the recalls at which COCO reads precision
AREA_BELOW = np.concatenate(([0.0], np.cumsum([0.005, *[0.01] * 99, 0.005])))  # trapezoids of the first n points
Counts = NDArray[np.float32]


def resample(images: int, times: int, rng: np.random.Generator) -> Counts:
    """Draw *images* of as many with replacement, *times* over: how often each is in each draw, (times, images)."""
    return rng.multinomial(images, np.full(images, 1 / max(1, images)), size=times).astype(np.float32)


def with_metrics(evaluation: Evaluation) -> Evaluation:
    """Return the evaluation with its mAP50 and mAP50-95 on all images."""
    once = np.ones((1, len(evaluation.images)), np.float32)
    map50, map50_95 = (
        float(over_classes(average_precisions(evaluation, once, ious))[0]) for ious in (range(1), range(IOUS))
    )
    return replace(evaluation, metrics=replace(evaluation.metrics, map50=map50, map50_95=map50_95))


def average_precisions(
    evaluation: Evaluation, counts: Counts, ious: Sequence[int] = range(IOUS)
) -> NDArray[np.float64]:
    """
    Mean AP of each class over the IoU thresholds numbered *ious*, (resamples, classes).

    It is NaN where a resample has no label of the class. *counts* says how often each image is in each resample. A
    resample of every image once gives what `ap_per_class` in ultralytics' `utils/metrics.py` gives, to rounding.
    """
    found = evaluation.found
    labels = counts @ evaluation.label_counts().astype(np.float32)
    ranked = np.argsort(-found.confidence, kind="stable")
    class_ids = found.class_id[ranked]
    result = np.full(labels.shape, np.nan)
    for class_id in np.flatnonzero(labels.any(axis=0)):
        is_labelled = labels[:, class_id] > 0
        mine = ranked[class_ids == class_id]
        of_class = _of_class(found, mine, counts[is_labelled], labels[is_labelled, class_id], ious)
        result[is_labelled, class_id] = of_class
    return result


def over_classes(precisions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the classes that have labels, a value a resample; zero where none has."""
    known = ~np.isnan(precisions)
    means: NDArray[np.float64] = np.where(known, precisions, 0.0).sum(axis=1) / np.maximum(1, known.sum(axis=1))
    return means


def _of_class(
    found: Found, ranked: NDArray[np.intp], counts: Counts, labels: Counts, ious: Sequence[int]
) -> NDArray[np.float64]:
    """
    AP of one class whose detections are *ranked* by confidence.

    Precision is read only at true positives: between two of them the interpolated curve is flat. So false positives
    matter by their number before each hit alone, which one product of sparse counts gives for all resamples at once.
    """
    hit_at = np.flatnonzero(found.hits[ranked].any(axis=1))
    hits = ranked[hit_at]
    next_hit = np.searchsorted(hit_at, np.arange(len(ranked)))
    before = next_hit < len(hit_at)
    shape = (counts.shape[1], len(hit_at))
    passed = sparse.csr_matrix(
        (np.ones(before.sum(), np.float32), (found.image[ranked[before]], next_hit[before])), shape=shape
    )
    seen = np.cumsum(counts @ passed, axis=1)
    times = counts[:, found.image[hits]]
    areas = np.zeros(len(counts))
    for iou in ious:
        at = found.hits[hits, iou]
        areas += _area(np.cumsum(times[:, at], axis=1), seen[:, at], labels)
    return areas / len(ious)


def _area(true: Counts, seen: Counts, labels: Counts) -> NDArray[np.float64]:
    """
    Area under the precision-recall curve: *true* of *seen* detections at each hit, of *labels* in all.

    Ultralytics interpolates the curve linearly at the points of GRID; at a hit's own recall it takes the next hit's
    precision, so a point belongs to the first hit whose recall is above it.
    """
    precision = true / np.maximum(seen, 1)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = true.astype(np.float64) / labels[:, None].astype(np.float64)
    below = AREA_BELOW[np.searchsorted(GRID, recall)]
    area: NDArray[np.float64] = (np.diff(below, axis=1, prepend=0.0) * envelope).sum(axis=1)
    return area
