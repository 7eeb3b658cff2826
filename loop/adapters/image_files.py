"""An image file on this machine: checked, named by its content, and looked at."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from loop.adapters.images import SUFFIXES
from loop.decisions.near_duplicates import SIDE, look_of
from loop.decisions.regions import Pixels
from loop.errors import ImageError, ImageTooLarge, ImageUnreadable

SMALLEST = 10  # pixels of a side; ultralytics passes over what is smaller, without a word
JPEG_END = b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class ImageFile:
    """
    One image file. *sha256* is of its content with *tail* at its end, *look* its perceptual hash.

    The *suffix* fits its format, for ultralytics goes by the name. The *tail* is the end mark that a JPEG lacks: one
    without it, ultralytics would write anew.
    """

    path: Path
    sha256: str
    suffix: str
    look: int | None = None
    tail: bytes = b""


def name_by_content(path: Path) -> ImageFile:
    """Read a file that was inspected before; its look is not taken again."""
    with path.open("rb") as file:
        return ImageFile(path, hashlib.file_digest(file, "sha256").hexdigest(), path.suffix)


def inspect(path: Path, address: str, most_pixels: int) -> ImageFile:
    """
    Check that an image can be decoded to its end, and by ultralytics too, and look at it; *address* names it in errors.

    Raises ImageTooLarge before more than *most_pixels* are decoded, ImageUnreadable.
    """
    try:
        content = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit decides
            with Image.open(io.BytesIO(content)) as image:
                _check(image, address, most_pixels)
                suffix = SUFFIXES[str(image.format)]
                look = look_of(_small(image))
                is_cut = image.format == "JPEG" and not content.endswith(JPEG_END)
    except (Image.DecompressionBombError, MemoryError) as error:
        raise ImageTooLarge(address, str(error)) from error
    except ImageError:
        raise
    except Exception as error:  # Pillow's readers raise anything for foreign bytes
        raise ImageUnreadable(address, f"not a readable image: {error}") from error
    tail = JPEG_END if is_cut else b""
    return ImageFile(path, hashlib.sha256(content + tail).hexdigest(), suffix, look, tail)


def shrunk(path: Path, most: int) -> Pixels:
    """
    Decode an image that was inspected before, upright and at most about *most* pixels a side: BGR, (height, width, 3).

    Raises ImageUnreadable.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                image.draft("RGB", (most, most))  # of a JPEG, no more detail is computed than that
                upright = ImageOps.exif_transpose(image).convert("RGB")
    except Exception as error:  # Pillow's readers raise anything for foreign bytes
        raise ImageUnreadable(str(path), f"not a readable image: {error}") from error
    upright.thumbnail((most, most))
    return np.ascontiguousarray(np.asarray(upright)[:, :, ::-1])


def _check(image: Image.Image, address: str, most_pixels: int) -> None:
    """Refuse what must not be decoded, or would be of no use."""
    size = f"{image.width} x {image.height}"
    if image.width * image.height > most_pixels:
        raise ImageTooLarge(address, f"{size} is more than {most_pixels} pixels")
    if min(image.size) < SMALLEST:
        raise ImageUnreadable(address, f"{size}: expected at least {SMALLEST} pixels a side")
    if image.format not in SUFFIXES:
        raise ImageUnreadable(address, f"{image.format} is a format that ultralytics does not read")


def _small(image: Image.Image) -> Pixels:
    """Decode an image into a grey, upright square of SIDE pixels: uint8, (SIDE, SIDE)."""
    image.draft("L", (2 * SIDE, 2 * SIDE))  # a JPEG is read to its end, but only its coarse structure is computed
    grey = (image if image.mode == "L" else image.convert("L")).resize((SIDE, SIDE), Image.Resampling.BOX)
    if image.format != "JPEG" or "exif" in image.info:
        grey = ImageOps.exif_transpose(grey)
    return np.asarray(grey, dtype=np.uint8)
