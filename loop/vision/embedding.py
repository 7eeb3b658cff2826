"""An embedding: the unit vector that an embedder makes of a box, and the crop that it is shown. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from loop.regions import Box, Pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Vectors: TypeAlias = "NDArray[np.float32]"  # (n, dimension), each row of unit length

SLIVER = 1e-6  # of a pixel: rounding errors alone do not add a row or a column of pixels
MARGIN = 0.0  # of the box, on each side; measured: the surroundings of an object make its vector worse


@dataclass(frozen=True, slots=True)
class Space:
    """
    The space of one embedder's vectors: only vectors of the same space can be compared.

    *fingerprint* changes whenever the same crop could get another vector: other weights, another preparation.
    """

    name: str
    fingerprint: str


def feature_uri(version: str) -> str:
    """Return the name of the embeddings of a version's detections, whatever embedder makes them."""
    return f"loop://{version}/detection_embedding"


class Embedder(Protocol):
    """Makes vectors of boxes."""

    space: Space
    dimension: int

    def embed(self, images: Sequence[Pixels], boxes: Sequence[Sequence[Box]]) -> list[Vectors]:
        """Embed the boxes of each image; float32 (boxes, dimension) for each image, unit length, in the order given."""


def crop(image: Pixels, box: Box, margin: float = MARGIN) -> Pixels:
    """Cut *box* and a margin around it out of an image, clipped to the image; at least one pixel."""
    import numpy as np

    left, top, right, bottom = pixel_box(box, image.shape[1], image.shape[0], margin)
    return np.ascontiguousarray(image[top:bottom, left:right])


def pixel_box(box: Box, width: int, height: int, margin: float = MARGIN) -> tuple[int, int, int, int]:
    """
    Return the columns and rows that *box* and a margin around it cover: left, top, right, bottom.

    Right and bottom are exclusive. The result lies on the image and has at least one pixel, also for a box without
    extent or beside the image.
    """
    more_x, more_y = margin * (box.x1 - box.x0), margin * (box.y1 - box.y0)
    left, right = _span(box.x0 - more_x, box.x1 + more_x, width)
    top, bottom = _span(box.y0 - more_y, box.y1 + more_y, height)
    return left, top, right, bottom


def normalise(raw: NDArray[np.floating]) -> Vectors:
    """Scale each row to unit length; every row without a direction gets the same vector."""
    import numpy as np

    rows = np.nan_to_num(np.asarray(raw, np.float32))
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.where(lengths > 0, rows, 1.0)
    unit: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _span(low: float, high: float, size: int) -> tuple[int, int]:
    first = min(size - 1, max(0, math.floor(low * size + SLIVER)))
    last = max(first + 1, min(size, math.ceil(high * size - SLIVER)))
    return first, last
