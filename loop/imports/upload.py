"""An image file of a dataset as it is uploaded: checked, and in a form that Label Studio takes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from loop.errors import ImageError, ImageTooLarge, ImageUnreadable
from loop.imports.foreign import ForeignImage, ShownSize
from loop.label_studio.imports.tasks import MOST_FILES
from loop.vision.image_files import prepare
from loop.vision.image_reader import open_image, orientation_of
from loop.vision.images import ImageLimits

TAKEN = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif"))  # suffixes that Label Studio stores and shows
MOST_BYTES = 32_000_000  # of the files of one request


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that holds an image: its *sha256* is that of the file as it lies in the folder."""

    name: str
    content: bytes
    sha256: str
    size: ShownSize


def read_file(path: Path, limits: ImageLimits) -> ReadFile:
    """
    Read an image file, and check that it can be decoded to its end.

    A format that Label Studio does not take, such as TIFF, becomes a PNG of the picture. Raises ImageError.
    """
    name = path.name
    try:
        if path.stat().st_size > limits.bytes:
            raise ImageTooLarge(name, f"more than {limits.bytes} bytes (LOOP_IMAGE_BYTES)")
        content = path.read_bytes()
    except OSError as error:
        raise ImageUnreadable(name, error.strerror or type(error).__name__) from error
    prepared = prepare(content, name, limits.pixels)
    is_taken = path.suffix.lower() in TAKEN
    shown = content if is_taken else prepared.content
    return ReadFile(
        name if is_taken else f"{path.stem}{prepared.suffix}",
        shown,
        hashlib.sha256(content).hexdigest(),
        _read_size(shown, name, limits.pixels),
    )


def read_or_error(image: ForeignImage, limits: ImageLimits) -> ReadFile | ImageError | None:
    """Read the file of an image; return None where it has no file, and the error where it cannot be read."""
    if image.path is None:
        return None
    try:
        return read_file(image.path, limits)
    except ImageError as error:
        return error


def read_size(path: Path, limits: ImageLimits) -> ShownSize | ImageError:
    """Return the size of an image file as it is shown, or the error where it cannot be read."""
    try:
        if path.stat().st_size > limits.bytes:
            return ImageTooLarge(path.name, f"more than {limits.bytes} bytes (LOOP_IMAGE_BYTES)")
        return _read_size(path.read_bytes(), path.name, limits.pixels)
    except OSError as error:
        return ImageUnreadable(path.name, error.strerror or type(error).__name__)
    except ImageError as error:
        return error


def batches(images: Iterable[ForeignImage]) -> Iterator[list[ForeignImage]]:
    """Cut images into batches whose files fit into one request, and into memory."""
    batch: list[ForeignImage] = []
    used = 0
    for image in images:
        size = image.path.stat().st_size if image.path and image.path.exists() else 0
        if batch and (len(batch) >= MOST_FILES or used + size > MOST_BYTES):
            yield batch
            batch, used = [], 0
        batch.append(image)
        used += size
    if batch:
        yield batch


def _read_size(content: bytes, name: str, most_pixels: int) -> ShownSize:
    with open_image(content, name, most_pixels) as image:
        orientation = orientation_of(image).value
        width, height = image.size[::-1] if orientation >= 5 else image.size
    return ShownSize(width, height, orientation)
