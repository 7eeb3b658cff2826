"""Which detections of an evaluation are true positives, as ultralytics' validator tells. Pure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from loop.gate.evaluation import IOUS, Evaluation

THRESHOLDS = np.linspace(0.5, 0.95, IOUS)


def matched(evaluation: Evaluation) -> Evaluation:
    """Return the evaluation with `hits` set anew from its boxes, by the rule of `match_predictions` in ultralytics."""
    labels, found = evaluation.labels, evaluation.found
    hits = np.zeros((len(found.image), IOUS), bool)
    for image in range(len(evaluation.images)):
        true = np.flatnonzero(labels.image == image)
        mine = np.flatnonzero(found.image == image)
        mine = mine[np.argsort(-found.confidence[mine], kind="stable")]
        overlap = _ious(labels.box[true], found.box[mine])
        overlap[labels.class_id[true][:, None] != found.class_id[mine]] = 0
        hits[mine] = _claimed(overlap)
    return replace(evaluation, found=replace(found, hits=hits))


def _claimed(overlap: NDArray[np.float64]) -> NDArray[np.bool_]:
    """For each threshold, let every detection claim the free label that it overlaps most, most confident first."""
    hits = np.zeros((overlap.shape[1], IOUS), bool)
    taken = np.zeros((overlap.shape[0], IOUS), bool)
    for at in np.flatnonzero((overlap >= THRESHOLDS[0]).any(axis=0)):
        free = np.where(taken, 0, overlap[:, at, None])
        best = free.argmax(axis=0)
        hits[at] = free[best, np.arange(IOUS)] >= THRESHOLDS
        taken[best, np.arange(IOUS)] |= hits[at]
    return hits


def _ious(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> NDArray[np.float64]:
    """IoU of every box with every other, (ours, theirs)."""
    one, other = ours[:, None].astype(float), theirs[None].astype(float)
    sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    shared = np.clip(sides, 0, None).prod(axis=-1)
    areas = (one[..., 2:] - one[..., :2]).prod(axis=-1) + (other[..., 2:] - other[..., :2]).prod(axis=-1)
    union = areas - shared
    ious: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return ious
