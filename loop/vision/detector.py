"""A detector, whichever runtime runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from loop.errors import DetectionFailed, DetectorBroken
from loop.failures import describe_error
from loop.regions import Box, Detection, Pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


DECIMALS = 4  # of boxes, in fractions of the image, and of confidences; float32 noise is a thousandth of that
MOST_DETECTIONS = 300  # on an image
ADVICE = "set LOOP_DEVICE=cpu, lower LOOP_IMAGE_SIZE, or use a smaller model"  # for weights that do not run


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
    """
    Weights in memory. *class_names* are in the order of the class ids; *image_size* is the longer side in pixels.

    It works on *at_once* images at once, each in a thread of its caller; the others wait.
    """

    class_names: tuple[str, ...]
    image_size: int
    at_once: int

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


class RuntimeDetector(ABC):
    """
    A detector that a runtime runs: every image goes through the network alone, and boxes and confidences are rounded.

    *is_broken*: it detects on no image any more.
    """

    class_names: tuple[str, ...]
    image_size: int
    at_once = 1
    is_broken = False

    def detect(self, images: Sequence[Pixels], floor: float) -> list[list[Detection]]:
        """Detect on images, see `Detector`."""
        return [self.look(image, floor).name(self.class_names) for image in images]

    def look(self, image: Pixels, floor: float, *, is_multi_label: bool = False) -> RawDetections:
        """Detect on one image, see `Detector`."""
        try:
            rows = self._rows(image, floor, is_multi_label=is_multi_label)
        except Exception as error:
            raise self._failure(error) from error
        return round_rows(rows, image, floor)

    @abstractmethod
    def _rows(self, image: Pixels, floor: float, *, is_multi_label: bool) -> NDArray[np.float64]:
        """Return `xyxy` in pixels, confidence and class id of each detection, (detections, 6); several threads call."""

    def _failure(self, error: Exception) -> DetectionFailed | DetectorBroken:
        """Return DetectionFailed where the detector still works on an empty image, else DetectorBroken."""
        try:
            self._rows(self._empty_image(), 1.0, is_multi_label=False)
        except Exception:  # noqa: BLE001 (a runtime may raise anything; the first error says more)
            self.is_broken = True
            return DetectorBroken(describe_error(error))
        return DetectionFailed(f"the detector failed on it: {describe_error(error)}")

    def _empty_image(self) -> Pixels:
        import numpy as np

        return np.zeros((self.image_size, self.image_size, 3), np.uint8)


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
