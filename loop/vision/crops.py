"""The part of an image that an embedder is shown for a box. Pure."""

from __future__ import annotations

import math

import numpy as np

from loop.regions import Box, Pixels

SLIVER = 1e-6  # of a pixel: what rounding adds is no reason to take another one
MARGIN = 0.0  # of the box, on each side: measured, what is around an object hides it more than it tells


def pixel_box(box: Box, width: int, height: int, margin: float = MARGIN) -> tuple[int, int, int, int]:
    """
    The columns and rows that *box*, and a margin around it, cover: left, top, right, bottom, the last two exclusive.

    It lies on the image and has at least one pixel, also for a box without extent or beside the image.
    """
    more_x, more_y = margin * (box.x1 - box.x0), margin * (box.y1 - box.y0)
    left, right = _span(box.x0 - more_x, box.x1 + more_x, width)
    top, bottom = _span(box.y0 - more_y, box.y1 + more_y, height)
    return left, top, right, bottom


def crop(image: Pixels, box: Box, margin: float = MARGIN) -> Pixels:
    """Cut *box* and a margin around it out of an image, clipped to the image; at least one pixel."""
    left, top, right, bottom = pixel_box(box, image.shape[1], image.shape[0], margin)
    return np.ascontiguousarray(image[top:bottom, left:right])


def _span(low: float, high: float, size: int) -> tuple[int, int]:
    first = min(size - 1, max(0, math.floor(low * size + SLIVER)))
    last = max(first + 1, min(size, math.ceil(high * size - SLIVER)))
    return first, last
