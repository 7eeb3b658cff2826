"""A detector that looks at large images tile by tile."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from loop.regions import Detection, Pixels
from loop.vision.detector import Detector, RawDetections
from loop.vision.tiling.tiles import Tile, Tiling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DECIMALS = 6  # of boxes, in fractions of the image: on 20,000 pixels, four would be steps of two pixels
MOST_DETECTIONS = 3000  # on an image; each tile has the limit of its detector


class TiledDetector:
    """
    A detector behind which another one works on each tile of an image, whichever runtime runs it.

    The tiles come one after the other: the work takes no more memory than one tile beside the image. An image that is
    no larger than a tile is looked at as a whole.
    """

    def __init__(self, detector: Detector, tiling: Tiling) -> None:
        self._detector, self.tiling = detector, tiling
        self.class_names, self.image_size, self.at_once = detector.class_names, detector.image_size, detector.at_once

    def detect(self, images: Sequence[Pixels], floor: float) -> list[list[Detection]]:
        """Detect on images, see `Detector`."""
        return [self.look(image, floor).name(self.class_names) for image in images]

    def look(self, image: Pixels, floor: float, *, is_multi_label: bool = False) -> RawDetections:
        """Detect on one image, see `Detector`."""
        looked = self.look_until(math.inf, image, floor, is_multi_label=is_multi_label)
        assert looked is not None
        return looked

    def look_until(
        self, deadline: float, image: Pixels, floor: float, *, is_multi_label: bool = False
    ) -> RawDetections | None:
        """Detect on one image; None where a tile is left at the *deadline*, a moment of the monotonic clock."""
        from loop.vision.tiling.merging import merge

        size = (image.shape[1], image.shape[0])
        tiles, found = self.tiling.cut(*size), []
        if len(tiles) == 1:
            return self._detector.look(image, floor, is_multi_label=is_multi_label)
        for tile in tiles:
            if time.monotonic() >= deadline:
                return None
            found.append(_place(self._detector.look(tile.cut(image), floor, is_multi_label=is_multi_label), tile))
        return _order(merge(tiles, found, size), size)


def detect_until(deadline: float, detector: Detector, image: Pixels, floor: float) -> list[Detection] | None:
    """
    Detect on one image; None where tiles of it are left at the *deadline*. An image that is not cut is not cut short.

    Raises as `Detector.detect`.
    """
    if not isinstance(detector, TiledDetector):
        (detections,) = detector.detect([image], floor)
        return detections
    looked = detector.look_until(deadline, image, floor)
    return None if looked is None else looked.name(detector.class_names)


def _place(looked: RawDetections, tile: Tile) -> NDArray[np.float64]:
    """Return the detections on a tile as rows, in pixels of the image."""
    import numpy as np

    corner = [tile.left, tile.top, tile.left, tile.top]
    boxes = looked.box * [tile.width, tile.height, tile.width, tile.height] + corner
    return np.column_stack([boxes, looked.confidence, looked.class_id])


def _order(rows: NDArray[np.float64], size: tuple[int, int]) -> RawDetections:
    """Return the surest rows in an order that depends on nothing else, with boxes in fractions of the image."""
    import numpy as np

    box = np.round(rows[:, :4] / [*size, *size], DECIMALS).clip(0.0, 1.0)
    confidence, class_id = rows[:, 4], rows[:, 5].astype(np.int64)
    order = np.lexsort((*box.T, class_id, -confidence))[:MOST_DETECTIONS]
    return RawDetections(box[order], class_id[order], confidence[order])
