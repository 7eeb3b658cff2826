"""Cuts images into tiles that overlap; says how the images of a version are framed for its network. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from loop.regions import Box, Pixels

SMALLEST, LARGEST = 32, 8192  # pixels of a side
LEAST_SHARED, MOST_SHARED = 0.05, 0.5  # of a side, by two tiles


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of an image, in its pixels; *right* and *bottom* are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Its width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Its height in pixels."""
        return self.bottom - self.top

    def place(self, box: Box, size: tuple[int, int]) -> Box:
        """Return a box on an image of a *size* (width, height), in fractions of this tile; it may reach beyond it."""
        x0, x1 = ((side * size[0] - self.left) / self.width for side in (box.x0, box.x1))
        y0, y1 = ((side * size[1] - self.top) / self.height for side in (box.y0, box.y1))
        return Box(x0, y0, x1, y1)

    def cut(self, image: Pixels) -> Pixels:
        """Return a copy of this part of an image."""
        import numpy as np

        return np.ascontiguousarray(image[self.top : self.bottom, self.left : self.right])


@dataclass(frozen=True, slots=True)
class Tiling:
    """
    How an image is cut: into tiles of *side* pixels, of which neighbours share at least *overlap* pixels.

    Every box of at most *overlap* pixels is whole on some tile.
    """

    side: int
    overlap: int

    @classmethod
    def of(cls, side: int, share: float) -> Tiling:
        """Return the tiling whose tiles overlap by a *share* of their side."""
        return cls(side, max(1, round(side * share)))

    def cut(self, width: int, height: int) -> list[Tile]:
        """
        Return the tiles of an image in rows from the top; together they cover it, and none reaches beyond it.

        They are spread evenly. A side of the image that is no longer than that of a tile is not cut.
        """
        columns, rows = self._cut_side(width), self._cut_side(height)
        return [Tile(left, top, right, bottom) for top, bottom in rows for left, right in columns]

    def as_json(self) -> dict[str, int]:
        """Return the tiling as plain JSON."""
        return asdict(self)

    def _cut_side(self, length: int) -> list[tuple[int, int]]:
        if length <= self.side:
            return [(0, length)]
        steps = math.ceil((length - self.side) / (self.side - self.overlap))
        starts = [(length - self.side) * step // steps for step in range(steps + 1)]
        return [(start, start + self.side) for start in starts]


@dataclass(frozen=True, slots=True)
class Framing:
    """
    How images are framed for a network: scaled to *image_size* pixels of the longer side, whole or tile by tile.

    Without an *image_size* that of the settings holds, or that of the training.
    """

    image_size: int | None = None
    tiling: Tiling | None = None


AS_TRAINED = Framing()


def read_tiling(content: object) -> Tiling | None:
    """Read a tiling from the JSON of `Tiling.as_json`; None stays None. Raises ValueError."""
    if content is None:
        return None
    sides = _read_sides(content) if isinstance(content, Mapping) else None
    if sides is None or not (SMALLEST <= sides[0] <= LARGEST and 1 <= sides[1] <= sides[0] / 2):
        expected = f"a side from {SMALLEST} to {LARGEST} pixels and an overlap of at most half of it"
        raise ValueError(f"expected {expected}, found {content}")
    return Tiling(*sides)


def _read_sides(content: Mapping[Any, Any]) -> tuple[int, int] | None:
    side, overlap = content.get("side"), content.get("overlap")
    is_whole = all(isinstance(number, int) and not isinstance(number, bool) for number in (side, overlap))
    return (int(side), int(overlap)) if is_whole and side is not None and overlap is not None else None
