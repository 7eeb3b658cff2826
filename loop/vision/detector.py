"""A detector, whichever runtime runs it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from loop.regions import Box, Detection, Pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


DECIMALS = 4  # of boxes, in fractions of the image, and of confidences; float32 noise is a thousandth of that
MOST_DETECTIONS = 300  # on an image


@dataclass(frozen=True, slots=True, eq=False)
class RawDetections:
    """The detections on one image as arrays, most confident first; boxes are `xyxy` in fractions of the image."""

    box: NDArray[np.float64]  # (detections, 4)
    class_id: NDArray[np.int64]
    confidence: NDArray[np.float64]

    def name(self, class_names: Sequence[str]) -> list[Detection]:
        """Return the detections with the names of their classes."""
        columns = self.box.tolist(), self.class_id.tolist(), self.confidence.tolist()
        return [
            Detection(Box(*box), class_names[class_id], confidence)
            for box, class_id, confidence in zip(*columns, strict=True)
        ]


class Detector(Protocol):
    """Weights in memory. *class_names* are in the order of the class ids; *image_size* is the longer side in pixels."""

    class_names: tuple[str, ...]
    image_size: int

    def detect(self, images: Sequence[Pixels], floor: float) -> list[list[Detection]]:
        """
        Detect on BGR images, uint8 (height, width, 3) of any size; every detection of at least *floor* confidence.

        Returns one list for each image, most confident first. Raises DetectionFailed at an image that it cannot work
        on, DetectorBroken where it works on no image any more.
        """

    def look(self, image: Pixels, floor: float, *, is_multi_label: bool = False) -> RawDetections:
        """
        Detect on one image. A box has its best class alone, or, with *is_multi_label*, every class it may have.

        Raises DetectionFailed, DetectorBroken.
        """


def round_rows(rows: NDArray[np.float64], image: Pixels, floor: float) -> RawDetections:
    """
    Round rows of `xyxy` in pixels, confidence and class id, and put them in an order that depends on nothing else.

    Detections of less than *floor* confidence are left out.
    """
    import numpy as np

    height, width = image.shape[:2]
    box = np.round(rows[:, :4] / [width, height, width, height], DECIMALS).clip(0.0, 1.0) + 0.0  # no -0.0
    confidence, class_id = np.round(rows[:, 4], DECIMALS), rows[:, 5].astype(np.int64)
    order = np.lexsort((*box.T, class_id, -confidence))
    order = order[confidence[order] >= floor]
    return RawDetections(box[order], class_id[order], confidence[order])


def least_before_rounding(floor: float) -> float:
    """Return the confidence above which a detection may reach *floor* by rounding."""
    return max(0.0, floor - 0.1**DECIMALS)
