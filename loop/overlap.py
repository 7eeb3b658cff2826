"""How much many boxes overlap. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.floating]  # (boxes, 4), each `xyxy`


def measure_iou(ours: Boxes, theirs: Boxes) -> NDArray[np.float64]:
    """Return the IoU of each of our boxes with each of theirs, (ours, theirs); zero beside a box without extent."""
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    shared = _shared_sides(ours, theirs, 0) * _shared_sides(ours, theirs, 1)
    union = np.add.outer(_areas(ours), _areas(theirs)) - shared
    iou: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return iou


def _shared_sides(ours: Boxes, theirs: Boxes, axis: int) -> NDArray[np.float64]:
    low = np.maximum.outer(ours[:, axis], theirs[:, axis])
    high = np.minimum.outer(ours[:, axis + 2], theirs[:, axis + 2])
    shared: NDArray[np.float64] = (high - low).clip(0)
    return shared


def _areas(boxes: Boxes) -> NDArray[np.float64]:
    areas: NDArray[np.float64] = (boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1)
    return areas
