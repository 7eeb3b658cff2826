"""Labels and detections of each image of a held-out split. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from loop.regions import Box, find_doubles

IOUS = 10  # thresholds: 0.5, 0.55, … 0.95

KindOf = Callable[[str], str]  # the kind of a label; an object has one label of a kind


def one_kind(_: str) -> str:
    """Let all labels be of one kind."""
    return ""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Mean average precision on a split, over classes; map50_95 also over IoU 0.5 to 0.95."""

    map50: float
    map50_95: float
    images: int
    boxes: int


@dataclass(frozen=True, slots=True)
class ShownBoxes:
    """Boxes on a whole split at IoU 0.5: those shown at a *threshold*, right and wrong, and the *missed* true ones."""

    threshold: float
    right: int
    wrong: int
    missed: int

    @property
    def mistakes(self) -> int:
        """Shown boxes that are wrong, and true boxes that are missed."""
        return self.wrong + self.missed


@dataclass(frozen=True, slots=True, eq=False)
class TrueBoxes:
    """All true boxes of a split, one per entry: image and class by index, box as `xyxy` in fractions."""

    image: NDArray[np.int32]
    class_id: NDArray[np.int32]
    box: NDArray[np.float32]  # (labels, 4)


@dataclass(frozen=True, slots=True, eq=False)
class PredictedBoxes:
    """All detections on a split, one per entry; `hits` is True for each IoU threshold with a true positive."""

    image: NDArray[np.int32]
    class_id: NDArray[np.int32]
    box: NDArray[np.float32]  # (detections, 4)
    confidence: NDArray[np.float32]
    hits: NDArray[np.bool_]  # (detections, IOUS)


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """
    The detections on a held-out split, from which average precision on any resample of the images is computed.

    *images* are names without suffix. *metrics* are computed on all images.
    """

    class_names: tuple[str, ...]
    images: tuple[str, ...]
    labels: TrueBoxes
    detections: PredictedBoxes
    metrics: Metrics

    def label_counts(self) -> NDArray[np.int32]:
        """Count the labels of each class on each image, (images, classes)."""
        counts = np.zeros((len(self.images), len(self.class_names)), np.int32)
        np.add.at(counts, (self.labels.image, self.labels.class_id), 1)
        return counts

    def shown(self, threshold: float, kind_of: KindOf = one_kind) -> NDArray[np.bool_]:
        """Tell of each detection whether it is shown: at least *threshold* confidence, and no double of a surer one."""
        detections = self.detections
        shown = detections.confidence >= threshold
        for image in np.unique(detections.image[shown]):
            ranked = np.flatnonzero(shown & (detections.image == image))
            ranked = ranked[np.argsort(-detections.confidence[ranked], kind="stable")]
            boxes = [Box(*map(float, box)) for box in detections.box[ranked]]
            kinds = [kind_of(self.class_names[class_id]) for class_id in detections.class_id[ranked]]
            shown[ranked] = [double is None for double in find_doubles(boxes, kinds)]
        return shown

    def mistakes(self, threshold: float, kind_of: KindOf = one_kind) -> NDArray[np.int64]:
        """
        Count the mistakes on each image at IoU 0.5 among the boxes shown at *threshold*.

        A label without a matching box is one mistake. A shown box without a matching label is another.
        """
        detections, size = self.detections, len(self.images)
        shown = self.shown(threshold, kind_of)
        right = shown & detections.hits[:, 0]
        missed = np.bincount(self.labels.image, minlength=size) - np.bincount(detections.image[right], minlength=size)
        return missed + np.bincount(detections.image[shown & ~right], minlength=size)

    def count_shown(self, thresholds: Sequence[float], kind_of: KindOf = one_kind) -> tuple[ShownBoxes, ...]:
        """Count the boxes that would be shown at each of the *thresholds*, see `shown`."""
        # a double of a surer box is one at any threshold
        single, hits = self.shown(min(thresholds), kind_of), self.detections.hits[:, 0]
        counts = []
        for threshold in thresholds:
            shown = single & (self.detections.confidence >= threshold)
            right = int((shown & hits).sum())
            counts.append(ShownBoxes(threshold, right, int(shown.sum()) - right, len(self.labels.image) - right))
        return tuple(counts)

    def without_detections(self) -> Evaluation:
        """Return the evaluation of a detector that finds nothing on the same split."""
        detections = self.detections
        empty = PredictedBoxes(
            detections.image[:0],
            detections.class_id[:0],
            detections.box[:0],
            detections.confidence[:0],
            detections.hits[:0],
        )
        return replace(self, detections=empty, metrics=replace(self.metrics, map50=0.0, map50_95=0.0))
