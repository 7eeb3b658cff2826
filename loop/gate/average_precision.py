"""Average precision on resamples of the images, as ultralytics' validator computes it on all of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from loop.gate.evaluation import IOUS, Evaluation, PredictedBoxes

GRID = np.linspace(0.0, 1.0, 101)  # the recalls at which COCO reads precision
AREA_BELOW = np.concatenate(([0.0], np.cumsum([0.005, *[0.01] * 99, 0.005])))  # trapezoids of the first n points
Counts = NDArray[np.float32]


def resample(images: int, times: int, rng: np.random.Generator) -> Counts:
    """Draw *times* resamples of *images* with replacement: how often each image is in each, (times, images)."""
    return rng.multinomial(images, np.full(images, 1 / max(1, images)), size=times).astype(np.float32)


def add_metrics(evaluation: Evaluation) -> Evaluation:
    """Return the evaluation with its mAP50 and mAP50-95 on all images."""
    once = np.ones((1, len(evaluation.images)), np.float32)
    map50, map50_95 = (
        float(average_classes(average_precisions(evaluation, once, ious))[0]) for ious in (range(1), range(IOUS))
    )
    return replace(evaluation, metrics=replace(evaluation.metrics, map50=map50, map50_95=map50_95))


def average_precisions(
    evaluation: Evaluation, counts: Counts, ious: Sequence[int] = range(IOUS)
) -> NDArray[np.float64]:
    """
    Mean AP of each class over the IoU thresholds numbered *ious*, (resamples, classes).

    It is NaN where a resample has no label of the class. *counts* holds how often each image is in each resample.
    A resample of every image once equals `ap_per_class` in ultralytics' `utils/metrics.py`, to rounding.
    """
    detections = evaluation.detections
    labels = counts @ evaluation.label_counts().astype(np.float32)
    ranked = np.argsort(-detections.confidence, kind="stable")
    class_ids = detections.class_id[ranked]
    result = np.full(labels.shape, np.nan)
    for class_id in np.flatnonzero(labels.any(axis=0)):
        is_labelled = labels[:, class_id] > 0
        members = ranked[class_ids == class_id]
        precisions = _class_precisions(detections, members, counts[is_labelled], labels[is_labelled, class_id], ious)
        result[is_labelled, class_id] = precisions
    return result


def average_classes(precisions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the classes that have labels, one value per resample; zero where no class has labels."""
    known = ~np.isnan(precisions)
    means: NDArray[np.float64] = np.where(known, precisions, 0.0).sum(axis=1) / np.maximum(1, known.sum(axis=1))
    return means


def _class_precisions(
    detections: PredictedBoxes, ranked: NDArray[np.intp], counts: Counts, labels: Counts, ious: Sequence[int]
) -> NDArray[np.float64]:
    """
    AP of one class whose detections are *ranked* by confidence.

    Precision is read only at true positives, because the interpolated curve is flat between them. Only the number of
    false positives before each hit matters. One product of sparse counts gives it for all resamples at once.
    """
    from scipy import sparse

    hit_at = np.flatnonzero(detections.hits[ranked].any(axis=1))
    hits = ranked[hit_at]
    next_hit = np.searchsorted(hit_at, np.arange(len(ranked)))
    has_next = next_hit < len(hit_at)
    shape = (counts.shape[1], len(hit_at))
    pass_counts = sparse.csr_matrix(
        (np.ones(has_next.sum(), np.float32), (detections.image[ranked[has_next]], next_hit[has_next])), shape=shape
    )
    seen = np.cumsum(counts @ pass_counts, axis=1)
    hit_counts = counts[:, detections.image[hits]]
    areas = np.zeros(len(counts))
    for iou in ious:
        is_hit = detections.hits[hits, iou]
        areas += _area(np.cumsum(hit_counts[:, is_hit], axis=1), seen[:, is_hit], labels)
    return areas / len(ious)


def _area(true: Counts, seen: Counts, labels: Counts) -> NDArray[np.float64]:
    """
    Area under the precision-recall curve: *true* of *seen* detections at each hit, of all *labels*.

    Ultralytics interpolates the curve linearly at the points of GRID. At a hit's own recall it takes the precision of
    the next hit. Each point therefore belongs to the first hit with a higher recall.
    """
    precision = true / np.maximum(seen, 1)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = true.astype(np.float64) / labels[:, None].astype(np.float64)
    below = AREA_BELOW[np.searchsorted(GRID, recall)]
    area: NDArray[np.float64] = (np.diff(below, axis=1, prepend=0.0) * envelope).sum(axis=1)
    return area
