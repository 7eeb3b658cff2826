"""How well a detector does on labelled images: mean average precision, by class name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loop.gate import Metrics
from loop.regions import Detection, Pixels, Region
from loop.ultralytics_setup import prepare_ultralytics

IOU_LEVELS = np.linspace(0.5, 0.95, 10)
FLOOR = 0.001  # mAP integrates over all confidences
CHUNK = 32  # images in memory at a time

Detect = Callable[[Sequence[Pixels], float], list[list[Detection]]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The detections of one image against its true regions.

    *hits* is (detections, 10): whether each is right at each IoU level; *confidences*, *classes* go with its rows.
    """

    hits: NDArray[np.bool_]
    confidences: NDArray[np.float64]
    classes: NDArray[np.int_]
    true_classes: NDArray[np.int_]


def measure(detect: Detect, items: Iterable[tuple[Pixels, Sequence[Region]]], class_names: Sequence[str]) -> Metrics:
    """
    Measure a detector on (image, true regions) pairs.

    Detections are matched to classes by name without case, so detectors with other class lists compare fairly; a
    detection of a class that is not in *class_names* counts for nothing.
    """
    outcomes: list[Outcome] = []
    chunk: list[tuple[Pixels, Sequence[Region]]] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == CHUNK:
            outcomes += _outcomes(detect, chunk, class_names)
            chunk = []
    return summarize(outcomes + _outcomes(detect, chunk, class_names))


def summarize(outcomes: Sequence[Outcome]) -> Metrics:
    """Average precision over the classes that occur, as ultralytics computes it."""
    prepare_ultralytics()
    from ultralytics.utils.metrics import ap_per_class

    boxes = sum(len(outcome.true_classes) for outcome in outcomes)
    found = sum(len(outcome.confidences) for outcome in outcomes)
    if not boxes or not found:
        return Metrics(0.0, 0.0, len(outcomes), boxes)
    stacked = (np.concatenate([getattr(outcome, name) for outcome in outcomes]) for name in Outcome.__slots__)
    precision = np.asarray(ap_per_class(*stacked)[5])  # (classes, 10)
    return Metrics(float(precision[:, 0].mean()), float(precision.mean()), len(outcomes), boxes)


def _outcomes(
    detect: Detect, chunk: Sequence[tuple[Pixels, Sequence[Region]]], class_names: Sequence[str]
) -> list[Outcome]:
    ids = {name.casefold(): class_id for class_id, name in enumerate(class_names)}
    detected = detect([image for image, _ in chunk], FLOOR) if chunk else []
    return [_outcome(found, truth, ids) for found, (_, truth) in zip(detected, chunk, strict=True)]


def _outcome(found: Sequence[Detection], truth: Sequence[Region], ids: dict[str, int]) -> Outcome:
    known = [detection for detection in found if detection.class_name.casefold() in ids]
    classes = np.array([ids[detection.class_name.casefold()] for detection in known], int)
    true_classes = np.array([ids[region.label.casefold()] for region in truth], int)
    overlap = np.array([[detection.box.iou(region.box) for region in truth] for detection in known], float).reshape(
        len(known), len(truth)
    )
    overlap[classes[:, None] != true_classes[None, :]] = 0.0
    return Outcome(
        hits=_hits(overlap),
        confidences=np.array([detection.confidence for detection in known], float),
        classes=classes,
        true_classes=true_classes,
    )


def _hits(overlap: NDArray[np.float64]) -> NDArray[np.bool_]:
    """At each level, pair detections and truths one to one, the largest overlap first."""
    hits = np.zeros((len(overlap), len(IOU_LEVELS)), bool)
    order = np.dstack(np.unravel_index(np.argsort(-overlap, axis=None), overlap.shape))[0] if overlap.size else []
    for column, level in enumerate(IOU_LEVELS):
        taken: set[int] = set()
        for row, truth in order:
            if overlap[row, truth] < level:
                break
            if not hits[row, column] and truth not in taken:
                hits[row, column] = True
                taken.add(truth)
    return hits
