"""Image files as datasets have them: ultralytics reads from them the picture that a browser shows."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from loop.errors import ImageUnreadable
from loop.memory_budget import Use, budget
from loop.regions import Pixels
from loop.storage.files import sha256_of, write_whole
from loop.vision.image_reader import (
    ORIENTATION,
    UPRIGHT,
    app1_segments,
    as_pixels,
    decode_pixels,
    decode_upright,
    decoding_bytes,
    flatten,
    measure,
    open_image,
    orientation_of,
    read_orientation,
    read_pixels,
    turn,
)
from loop.vision.perceptual_hash import SIDE, hash_image

SMALLEST = 10  # pixels of a side; ultralytics skips smaller images silently
JPEG_END = b"\xff\xd9"  # ultralytics would write a JPEG without it again, with loss
COMPARED = {"PNG": ".png", "WEBP": ".webp", "BMP": ".bmp"}  # formats beside JPEG that may stay as they are
ANIMATED = (b"acTL", b"fcTL", b"fdAT", b"ANIM", b"ANMF")  # chunks of PNG and WebP
FAST = 1  # level of compression; the usual one takes five times as long for a sixth less
COPIES = 3  # of a picture, at most, while it is compared with OpenCV's, or written as a PNG
THUMBNAIL = 400  # pixels of the longer side
ON_ITS_SIDE = 5  # the least orientation that exchanges width and height
ANY_SIZE = 1 << 40  # pixels; for a file that was within the limits when it was read first


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image file of a dataset: the *sha256* of its content, a *suffix* that fits its format, its perceptual hash."""

    path: Path
    sha256: str
    suffix: str
    image_hash: int | None = None


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """The content of an image file as a dataset has it; the other fields as in ImageFile."""

    content: bytes
    suffix: str
    image_hash: int | None

    @property
    def sha256(self) -> str:
        """The SHA-256 of the content."""
        return hashlib.sha256(self.content).hexdigest()


def identify_file(path: Path) -> ImageFile:
    """Hash the content of a file that was prepared before; its perceptual hash is left out."""
    return ImageFile(path, sha256_of(path), path.suffix)


def prepare(content: bytes, address: str, most_pixels: int) -> PreparedImage:
    """
    Check that an image can be decoded to its end, and make ultralytics read from it the picture that a browser shows.

    The result has *content* itself, the same object, where ultralytics does this already; else a PNG of the picture.
    *address* names the image in errors. Raises ImageTooLarge before more than *most_pixels* are decoded,
    ImageUnreadable.
    """
    with open_image(content, address, most_pixels) as image:
        if min(image.size) < SMALLEST:
            size = f"{image.width} x {image.height}"
            raise ImageUnreadable(address, f"{size}: expected at least {SMALLEST} pixels a side")
        if _is_plain_jpeg(image):
            is_cut = image.format == "JPEG" and not content.endswith(JPEG_END)
            return PreparedImage(content + JPEG_END if is_cut else content, ".jpg", hash_image(_shrink_jpeg(image)))
        with budget().take(Use.PICTURE, decoding_bytes(image, copies=COPIES)):
            picture = decode_upright(image)
            image_hash = hash_image(np.asarray(_shrink_to_square(picture), dtype=np.uint8))
            if image.format in COMPARED and _is_read_alike(image, content, picture):
                return PreparedImage(content, COMPARED[image.format], image_hash)
            return PreparedImage(_write_png(picture), ".png", image_hash)


def prepare_file(path: Path, address: str, most_pixels: int, into: Path) -> ImageFile:
    """Prepare the image of a file; return the file itself where it can stay as it is, else a new file in *into*."""
    with budget().take(Use.FILE, path.stat().st_size if path.is_file() else 0):
        content = _read(path, address)
        prepared = prepare(content, address, most_pixels)
        sha256 = prepared.sha256
        if prepared.content is not content:
            path = write_whole(prepared.content, into / f"{sha256}{prepared.suffix}")
    return ImageFile(path, sha256, prepared.suffix, prepared.image_hash)


def read_prepared(path: Path) -> Pixels:
    """Return the picture of a file that was prepared before, see `read_pixels`. Raises ImageUnreadable."""
    return read_pixels(_read(path, str(path)), str(path), ANY_SIZE)


@contextmanager
def borrow_prepared(path: Path) -> Iterator[Pixels]:
    """Return the same picture as `read_prepared`, within the memory of this process. Raises Overloaded too."""
    content = _read(path, str(path))
    with budget().take(Use.PICTURE, measure(content, str(path), ANY_SIZE)) as loan:
        pixels = decode_pixels(content, str(path), ANY_SIZE)
        loan.shrink(pixels.nbytes)
        yield pixels


def read_size(path: Path) -> tuple[int, int]:
    """Return the width and height of the picture of `read_prepared`; it is not decoded. Raises ImageUnreadable."""
    with open_image(_read(path, str(path)), str(path), ANY_SIZE) as image:
        is_on_its_side = orientation_of(image).value >= ON_ITS_SIDE
        return (image.height, image.width) if is_on_its_side else (image.width, image.height)


def read_shrunk(path: Path, most: int) -> Pixels:
    """
    Decode an image that was prepared before, upright and at most about *most* pixels a side: BGR, (height, width, 3).

    Raises ImageUnreadable.
    """
    name = str(path)
    with open_image(_read(path, name), name, ANY_SIZE) as image, budget().take(Use.PICTURE, decoding_bytes(image)):
        image.draft("RGB", (most, most))  # a JPEG is decoded with no more detail than this
        picture = decode_upright(image).convert("RGB")
        picture.thumbnail((most, most))
    return as_pixels(picture)


def make_thumbnail(path: Path) -> tuple[bytes, int, int]:
    """Return a JPEG of at most THUMBNAIL pixels a side, upright, with its width and height."""
    image = Image.fromarray(read_shrunk(path, THUMBNAIL)[:, :, ::-1])
    content = io.BytesIO()
    image.save(content, "JPEG", quality=75)
    return content.getvalue(), image.width, image.height


def _read(path: Path, address: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageUnreadable(address, f"{path}: {error.strerror}") from error


def _is_plain_jpeg(image: Image.Image) -> bool:
    """
    Whether OpenCV, with which ultralytics reads images, turns a JPEG as browsers do; nothing is decoded.

    OpenCV takes the first APP1 segment for EXIF data, whatever it is, and obeys an orientation of any type.
    """
    if image.format not in ("JPEG", "MPO") or image.mode not in ("L", "RGB"):
        return False
    opencv = read_orientation(next(iter(app1_segments(image)), b"")[6:])
    return opencv.is_plain and opencv.value == orientation_of(image).value and _is_sized_alike(image)


def _is_read_alike(image: Image.Image, content: bytes, picture: Image.Image) -> bool:
    """Whether OpenCV reads *picture* from a file's content, to the bit; it crashes on some damaged animations."""
    import cv2

    if any(mark in content for mark in ANIMATED):
        return False
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return pixels is not None and np.array_equal(pixels, as_pixels(picture)) and _is_sized_alike(image)


def _is_sized_alike(image: Image.Image) -> bool:
    """Whether Pillow, by which ultralytics sizes images, turns one as browsers do: Pillow obeys XMP and text, too."""
    try:
        return bool(image.getexif().get(ORIENTATION, UPRIGHT) == orientation_of(image).value)
    except Exception:  # noqa: BLE001 (Pillow raises anything for broken metadata)
        return False


def _write_png(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.asarray(picture)).save(content, "PNG", compress_level=FAST)  # no metadata
    return content.getvalue()


def _shrink_jpeg(image: Image.Image) -> Pixels:
    whole = decoding_bytes(image, copies=0) if image.info.get("progressive") else 0
    image.draft("L", (2 * SIDE, 2 * SIDE))  # the file is read to its end, but only its coarse structure is decoded
    with budget().take(Use.PICTURE, whole or decoding_bytes(image, copies=0)):
        return np.asarray(turn(_shrink_to_square(flatten(image)), image), dtype=np.uint8)


def _shrink_to_square(picture: Image.Image) -> Image.Image:
    """Reduce a picture to a grey square of SIDE pixels."""
    grey = picture if picture.mode == "L" else picture.convert("L")
    return grey.resize((SIDE, SIDE), Image.Resampling.BOX)
