"""What a detector did on each image of a held-out split. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

IOUS = 10  # thresholds: 0.5, 0.55, … 0.95


@dataclass(frozen=True, slots=True)
class Metrics:
    """What a detector reaches on a split: mean average precision over classes and, for map50_95, IoU 0.5 to 0.95."""

    map50: float
    map50_95: float
    images: int
    boxes: int


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """All true boxes of a split, one an entry: the image it is on and its class, by index; `xyxy` in fractions."""

    image: NDArray[np.int32]
    class_id: NDArray[np.int32]
    box: NDArray[np.float32]  # (labels, 4)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """All detections on a split, one an entry; `hits` tells for each IoU threshold whether it is a true positive."""

    image: NDArray[np.int32]
    class_id: NDArray[np.int32]
    box: NDArray[np.float32]  # (detections, 4)
    confidence: NDArray[np.float32]
    hits: NDArray[np.bool_]  # (detections, IOUS)


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """
    A detector on a held-out split: enough to compute its average precision on any resample of the images.

    *images* are names without suffix. *metrics* are those of the validator that made it.
    """

    class_names: tuple[str, ...]
    images: tuple[str, ...]
    labels: Labels
    found: Found
    metrics: Metrics

    def label_counts(self) -> NDArray[np.int32]:
        """How many labels of each class are on each image, (images, classes)."""
        counts = np.zeros((len(self.images), len(self.class_names)), np.int32)
        np.add.at(counts, (self.labels.image, self.labels.class_id), 1)
        return counts

    def mistakes(self, threshold: float) -> NDArray[np.int64]:
        """
        How many boxes of each image are wrong at IoU 0.5 where those of at least *threshold* confidence are shown.

        A label that is not found is one mistake, a box that is shown where no such object is another.
        """
        shown = self.found.confidence >= threshold
        right = shown & self.found.hits[:, 0]
        size = len(self.images)
        missed = np.bincount(self.labels.image, minlength=size) - np.bincount(self.found.image[right], minlength=size)
        return missed + np.bincount(self.found.image[shown & ~right], minlength=size)

    def with_nothing_found(self) -> Evaluation:
        """The same split as a detector leaves it that finds nothing."""
        was = self.found
        found = Found(was.image[:0], was.class_id[:0], was.box[:0], was.confidence[:0], was.hits[:0])
        return replace(self, found=found, metrics=replace(self.metrics, map50=0.0, map50_95=0.0))
