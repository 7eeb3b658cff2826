"""Evaluations whose truth is known: copies of a real one, made worse by a known amount, and draws from a pool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from loop.gate.evaluation import Evaluation, Found, Labels
from loop.gate.true_positives import matched

SHIFT = 0.25  # of a box's own width and height


def harmed(evaluation: Evaluation, rate: float, *, seed: int, of_class: int | None = None) -> Evaluation:
    """
    A copy in which a share *rate* of the detections, drawn at random, is harmed; of one class, or of all.

    A third of them is dropped, a third moved by a quarter of their size, a third called by another class. What is right
    is then found out anew.
    """
    rng = np.random.default_rng(seed)
    found = evaluation.found
    size = len(found.image)
    is_chosen = rng.random(size) < rate
    if of_class is not None:
        is_chosen &= found.class_id == of_class
    kind = np.where(is_chosen, rng.integers(0, 3, size), -1)
    extent = found.box[:, 2:] - found.box[:, :2]
    shift = np.where((kind == 1)[:, None], extent * SHIFT * rng.choice([-1, 1], (size, 2)), 0.0)
    other = rng.integers(1, len(evaluation.class_names), size)
    class_id = np.where(kind == 2, (found.class_id + other) % len(evaluation.class_names), found.class_id)
    kept = kind != 0
    moved = (found.box + np.concatenate([shift, shift], axis=1)).astype(np.float32)
    changed = Found(
        image=found.image[kept],
        class_id=class_id[kept].astype(np.int32),
        box=moved[kept],
        confidence=found.confidence[kept],
        hits=found.hits[kept],
    )
    return matched(replace(evaluation, found=changed))


def draw(evaluation: Evaluation, images: NDArray[np.intp]) -> Evaluation:
    """The evaluation on a held-out set of these images of the pool, in this order; one may come more than once."""
    labels, found = evaluation.labels, evaluation.found
    of_labels, label_image = _entries(labels.image, images)
    of_found, found_image = _entries(found.image, images)
    return replace(
        evaluation,
        images=tuple(f"{number}" for number in range(len(images))),
        labels=Labels(label_image, labels.class_id[of_labels], labels.box[of_labels]),
        found=Found(
            found_image,
            found.class_id[of_found],
            found.box[of_found],
            found.confidence[of_found],
            found.hits[of_found],
        ),
        metrics=replace(evaluation.metrics, images=len(images), boxes=len(label_image)),
    )


def _entries(of_image: NDArray[np.int32], images: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Which entries are on the images, and the new number of the image of each; *of_image* must not fall."""
    first, last = np.searchsorted(of_image, images, "left"), np.searchsorted(of_image, images, "right")
    entries = [np.arange(start, stop) for start, stop in zip(first, last, strict=True)]
    numbers = np.repeat(np.arange(len(images), dtype=np.int32), last - first)
    return np.concatenate([np.zeros(0, np.intp), *entries]), numbers
