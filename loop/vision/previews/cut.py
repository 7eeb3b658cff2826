"""Cuts boxes out of a prepared image file, and shrinks it: small JPEGs for a page."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
from PIL import Image

from loop.regions import Box, Pixels
from loop.vision.embedding import crop
from loop.vision.image_files import read_shrunk

SIDE = 192  # pixels of the longer side of a crop
THUMBNAIL = 480  # pixels of the longer side of an image
MARGIN = 0.1  # of a box, on each side: the surroundings help a person to recognise an object
LARGEST = 4000  # pixels of a side that are decoded: a tiny box on a large image is shown with less detail
QUALITY = 80


def cut_box(path: Path, box: Box) -> bytes:
    """
    Return a JPEG of a box with a margin around it, at most SIDE pixels a side; a small box is not enlarged.

    Raises ImageUnreadable, and Overloaded where this process has no memory for the image in time.
    """
    share = max(box.x1 - box.x0, box.y1 - box.y0, 1 / LARGEST)
    part = crop(read_shrunk(path, min(LARGEST, math.ceil(2 * SIDE / share))), box, MARGIN)
    return _write(part, SIDE)


def shrink(path: Path) -> bytes:
    """Return a JPEG of the whole image, at most THUMBNAIL pixels a side. Raises as `cut_box`."""
    return _write(read_shrunk(path, THUMBNAIL), THUMBNAIL)


def _write(pixels: Pixels, most: int) -> bytes:
    picture = Image.fromarray(np.ascontiguousarray(pixels[:, :, ::-1]))
    picture.thumbnail((most, most))
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=QUALITY)
    return content.getvalue()
