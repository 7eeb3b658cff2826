"""Which detections of an evaluation are true positives, by the rule of ultralytics' validator. Pure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from loop.gate.evaluation import IOUS, Evaluation
from loop.overlap import measure_iou

THRESHOLDS = np.linspace(0.5, 0.95, IOUS)


def mark_hits(evaluation: Evaluation) -> Evaluation:
    """Return the evaluation with `hits` computed from its boxes, by the rule of `match_predictions` in ultralytics."""
    labels, detections = evaluation.labels, evaluation.detections
    hits = np.zeros((len(detections.image), IOUS), bool)
    for image in range(len(evaluation.images)):
        on_image = np.flatnonzero(labels.image == image)
        ranked = np.flatnonzero(detections.image == image)
        ranked = ranked[np.argsort(-detections.confidence[ranked], kind="stable")]
        overlap = measure_iou(labels.box[on_image], detections.box[ranked])
        overlap[labels.class_id[on_image][:, None] != detections.class_id[ranked]] = 0
        hits[ranked] = _claim(overlap)
    return replace(evaluation, detections=replace(detections, hits=hits))


def _claim(overlap: NDArray[np.float64]) -> NDArray[np.bool_]:
    """For each threshold, let every detection claim the free label that it overlaps most, most confident first."""
    hits = np.zeros((overlap.shape[1], IOUS), bool)
    is_taken = np.zeros((overlap.shape[0], IOUS), bool)
    for place in np.flatnonzero((overlap >= THRESHOLDS[0]).any(axis=0)):
        free = np.where(is_taken, 0, overlap[:, place, None])
        best = free.argmax(axis=0)
        hits[place] = free[best, np.arange(IOUS)] >= THRESHOLDS
        is_taken[best, np.arange(IOUS)] |= hits[place]
    return hits
