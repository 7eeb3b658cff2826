"""Evaluations whose truth is known: copies of a real one, made worse by a known amount, and draws from a pool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from loop.gate.evaluation import Evaluation, PredictedBoxes, TrueBoxes
from loop.gate.true_positives import mark_hits

SHIFT = 0.25  # of a box's own width and height


def harm(evaluation: Evaluation, rate: float, *, seed: int, of_class: int | None = None) -> Evaluation:
    """
    Return a copy in which a random share *rate* of the detections is harmed, of one class or of all.

    A third of them is dropped, a third is moved by a quarter of its size, a third gets another class. The hits
    are then computed again.
    """
    rng = np.random.default_rng(seed)
    detections = evaluation.detections
    size = len(detections.image)
    is_chosen = rng.random(size) < rate
    if of_class is not None:
        is_chosen &= detections.class_id == of_class
    kind = np.where(is_chosen, rng.integers(0, 3, size), -1)
    extent = detections.box[:, 2:] - detections.box[:, :2]
    shift = np.where((kind == 1)[:, None], extent * SHIFT * rng.choice([-1, 1], (size, 2)), 0.0)
    other = rng.integers(1, len(evaluation.class_names), size)
    class_id = np.where(kind == 2, (detections.class_id + other) % len(evaluation.class_names), detections.class_id)
    is_left = kind != 0
    moved = (detections.box + np.concatenate([shift, shift], axis=1)).astype(np.float32)
    changed = PredictedBoxes(
        image=detections.image[is_left],
        class_id=class_id[is_left].astype(np.int32),
        box=moved[is_left],
        confidence=detections.confidence[is_left],
        hits=detections.hits[is_left],
    )
    return mark_hits(replace(evaluation, detections=changed))


def thin(evaluation: Evaluation, kept: float, *, seed: int) -> Evaluation:
    """Return a copy with a random share *kept* of the detections."""
    detections = evaluation.detections
    is_kept = np.random.default_rng(seed).random(len(detections.image)) < kept
    left = PredictedBoxes(
        image=detections.image[is_kept],
        class_id=detections.class_id[is_kept],
        box=detections.box[is_kept],
        confidence=detections.confidence[is_kept],
        hits=detections.hits[is_kept],
    )
    return mark_hits(replace(evaluation, detections=left))


def draw(evaluation: Evaluation, images: NDArray[np.intp]) -> Evaluation:
    """Return the evaluation on these images of the pool, in this order; an image may come more than once."""
    labels, detections = evaluation.labels, evaluation.detections
    of_labels, label_image = _entries(labels.image, images)
    of_detections, detection_image = _entries(detections.image, images)
    return replace(
        evaluation,
        images=tuple(f"{number}" for number in range(len(images))),
        labels=TrueBoxes(label_image, labels.class_id[of_labels], labels.box[of_labels]),
        detections=PredictedBoxes(
            detection_image,
            detections.class_id[of_detections],
            detections.box[of_detections],
            detections.confidence[of_detections],
            detections.hits[of_detections],
        ),
        metrics=replace(evaluation.metrics, images=len(images), boxes=len(label_image)),
    )


def _entries(of_image: NDArray[np.int32], images: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Return the entries on the images, and the new number of each entry's image; *of_image* must be sorted."""
    first, last = np.searchsorted(of_image, images, "left"), np.searchsorted(of_image, images, "right")
    entries = [np.arange(start, stop) for start, stop in zip(first, last, strict=True)]
    numbers = np.repeat(np.arange(len(images), dtype=np.int32), last - first)
    return np.concatenate([np.zeros(0, np.intp), *entries]), numbers
