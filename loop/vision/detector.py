"""A detector, whichever runtime runs it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from loop.regions import Detection, Pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class RawDetections:
    """The detections on one image as arrays, most confident first; boxes are `xyxy` in fractions of the image."""

    box: NDArray[np.float64]  # (detections, 4)
    class_id: NDArray[np.int64]
    confidence: NDArray[np.float64]


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
