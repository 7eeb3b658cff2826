"""Chooses detections from the output of a network as ultralytics does, to the last bit. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]  # (detections, 6): `xyxy` in pixels of the input, confidence, class id

SAME = np.float64(0.7)  # IoU from which two boxes of a class show one object; the default of ultralytics
MOST_CANDIDATES = 30_000
APART = np.float32(7680)  # pixels between the boxes of two classes: boxes of different classes do not overlap


def suppress(output: NDArray[np.float32], least: float, most: int, *, is_multi_label: bool = False) -> Rows:
    """
    Choose from the output of a head with overlapping boxes, (4 + classes, boxes), whose boxes are `xywh`.

    At most *most* detections of more than *least* confidence, most confident first. A box has its best class alone, or,
    with *is_multi_label*, every class it may have.
    """
    output = output[:, output[4:].max(axis=0) > least]
    half = output[2:4] / 2
    boxes = np.concatenate([output[:2] - half, output[:2] + half]).T
    scores = output[4:]
    if is_multi_label and len(scores) > 1:
        index, class_id = (least < scores.T).nonzero()
    else:
        index, class_id = np.arange(len(boxes)), scores.argmax(axis=0)
    confidence = scores[class_id, index]
    order = np.argsort(-confidence, kind="stable")[:MOST_CANDIDATES]
    rows = np.column_stack([boxes[index], confidence, class_id]).astype(np.float32)[order]
    return rows[_choose(rows[:, :4] + rows[:, 5:] * APART, most)]


def take_best(output: NDArray[np.float32], least: float, most: int) -> Rows:
    """Choose from the output of a head that gives each object one box, (boxes, 4 + classes), with boxes as `xyxy`."""
    scores = output[:, 4:]
    places = _find_highest(scores.max(axis=1), most)
    chosen = scores[places].ravel()
    best = _find_highest(chosen, len(places))
    index, class_id = np.divmod(best, scores.shape[1])
    rows = np.column_stack([output[places[index], :4], chosen[best], class_id]).astype(np.float32)
    return rows[rows[:, 4] > least]


def _find_highest(values: NDArray[np.float32], most: int) -> NDArray[np.intp]:
    return np.argsort(-values, kind="stable")[:most]


def _choose(boxes: NDArray[np.float32], most: int) -> list[int]:
    """Return the places of the boxes that overlap no box chosen before; the computation is torchvision's."""
    left, top, right, bottom = np.ascontiguousarray(boxes.T)
    area = (right - left) * (bottom - top)
    chosen = list[int]()
    waiting: NDArray[np.intp] = np.arange(len(boxes))
    while len(waiting) and len(chosen) < most:
        first, waiting = waiting[0], waiting[1:]
        chosen.append(int(first))
        width = np.minimum(right[first], right[waiting]) - np.maximum(left[first], left[waiting])
        height = np.minimum(bottom[first], bottom[waiting]) - np.maximum(top[first], top[waiting])
        shared = width.clip(0) * height.clip(0)
        with np.errstate(invalid="ignore"):  # two boxes without extent: they do not overlap
            waiting = waiting[~(shared / (area[first] + area[waiting] - shared) > SAME)]
    return chosen
