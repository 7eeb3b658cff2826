"""An image file on this machine as datasets have it: ultralytics reads from it the picture that a browser shows."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from loop.errors import ImageUnreadable
from loop.regions import Pixels
from loop.storage.files import write_whole
from loop.vision.image_reader import app1_segments, as_pixels, flat, opening, orientation, read_pixels, turned, upright
from loop.vision.orientation import ORIENTATION, UPRIGHT, read_orientation
from loop.vision.perceptual_hash import SIDE, look_of

SMALLEST = 10  # pixels of a side; ultralytics passes over what is smaller, without a word
JPEG_END = b"\xff\xd9"  # a JPEG without it, ultralytics would write anew, with loss
COMPARED = {"PNG": ".png", "WEBP": ".webp", "BMP": ".bmp"}  # the names of formats that may stay as they are, like JPEG
ANIMATED = (b"acTL", b"fcTL", b"fdAT", b"ANIM", b"ANMF")  # chunks of PNG and WebP
FAST = 1  # level of compression; the usual one takes five times as long for a sixth less
THUMBNAIL = 400  # pixels of the longer side
ANYTHING = 1 << 40  # pixels: of a file that was within the limits when it was read first


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One image file of a dataset: *sha256* is of its content, *suffix* fits its format, *look* its perceptual hash."""

    path: Path
    sha256: str
    suffix: str
    look: int | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """The content of an image file as a dataset has it; the rest as for ImageFile."""

    content: bytes
    suffix: str
    look: int | None

    @property
    def sha256(self) -> str:
        """The hash of the content."""
        return hashlib.sha256(self.content).hexdigest()


def name_by_content(path: Path) -> ImageFile:
    """Read a file that was prepared before; its look is not taken again."""
    with path.open("rb") as file:
        return ImageFile(path, hashlib.file_digest(file, "sha256").hexdigest(), path.suffix)


def prepare(content: bytes, address: str, most_pixels: int) -> Prepared:
    """
    Check that an image can be decoded to its end, and give it the form in which ultralytics reads what a browser shows.

    That is *content* itself, the same object, where it is so already; else a PNG of the same picture. *address* names
    the image in errors. Raises ImageTooLarge before more than *most_pixels* are decoded, ImageUnreadable.
    """
    with opening(content, address, most_pixels) as image:
        if min(image.size) < SMALLEST:
            size = f"{image.width} x {image.height}"
            raise ImageUnreadable(address, f"{size}: expected at least {SMALLEST} pixels a side")
        if _is_plain_jpeg(image):
            is_cut = image.format == "JPEG" and not content.endswith(JPEG_END)
            return Prepared(content + JPEG_END if is_cut else content, ".jpg", look_of(_small_jpeg(image)))
        picture = upright(image)
        look = look_of(_small(picture))
        if image.format in COMPARED and _is_read_alike(image, content, picture):
            return Prepared(content, COMPARED[image.format], look)
        return Prepared(_png(picture), ".png", look)


def prepare_file(path: Path, address: str, most_pixels: int, into: Path) -> ImageFile:
    """Prepare the image of a file: it is that file itself where it can be, else one in the folder *into*."""
    content = _content(path, address)
    prepared = prepare(content, address, most_pixels)
    sha256 = prepared.sha256
    if prepared.content is not content:
        path = write_whole(prepared.content, into / f"{sha256}{prepared.suffix}")
    return ImageFile(path, sha256, prepared.suffix, prepared.look)


def read_prepared(path: Path) -> Pixels:
    """Return the picture of a file that was prepared before, see `read_pixels`. Raises ImageUnreadable."""
    return read_pixels(_content(path, str(path)), str(path), ANYTHING)


def shrunk(path: Path, most: int) -> Pixels:
    """
    Decode an image that was prepared before, upright and at most about *most* pixels a side: BGR, (height, width, 3).

    Raises ImageUnreadable.
    """
    with opening(_content(path, str(path)), str(path), ANYTHING) as image:
        image.draft("RGB", (most, most))  # of a JPEG, no more detail is computed than that
        picture = upright(image).convert("RGB")
    picture.thumbnail((most, most))
    return as_pixels(picture)


def thumbnail(path: Path) -> tuple[bytes, int, int]:
    """A JPEG of at most THUMBNAIL pixels a side, upright, with its width and height."""
    image = Image.fromarray(shrunk(path, THUMBNAIL)[:, :, ::-1])
    content = io.BytesIO()
    image.save(content, "JPEG", quality=75)
    return content.getvalue(), image.width, image.height


def _content(path: Path, address: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageUnreadable(address, f"{path}: {error.strerror}") from error


def _is_plain_jpeg(image: Image.Image) -> bool:
    """
    Whether OpenCV, with which ultralytics reads images, turns a JPEG as browsers do, found without decoding it.

    It takes the first APP1 segment for EXIF data, whatever that is, and an orientation of any type.
    """
    if image.format not in ("JPEG", "MPO") or image.mode not in ("L", "RGB"):
        return False
    seen = read_orientation(next(iter(app1_segments(image)), b"")[6:])
    return seen.is_plain and seen.value == orientation(image).value and _is_sized_alike(image)


def _is_read_alike(image: Image.Image, content: bytes, picture: Image.Image) -> bool:
    """Whether OpenCV reads a picture from a file's content, to the bit; damaged animations, it crashes on."""
    import cv2

    if any(mark in content for mark in ANIMATED):
        return False
    read = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return read is not None and np.array_equal(read, as_pixels(picture)) and _is_sized_alike(image)


def _is_sized_alike(image: Image.Image) -> bool:
    """Whether Pillow, by which ultralytics sizes images, turns one as browsers do: it goes by XMP and text, too."""
    try:
        return bool(image.getexif().get(ORIENTATION, UPRIGHT) == orientation(image).value)
    except Exception:  # noqa: BLE001 (it raises anything for broken metadata)
        return False


def _png(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.asarray(picture)).save(content, "PNG", compress_level=FAST)  # no metadata
    return content.getvalue()


def _small_jpeg(image: Image.Image) -> Pixels:
    image.draft("L", (2 * SIDE, 2 * SIDE))  # it is read to its end, but only its coarse structure is computed
    return np.asarray(turned(_square(flat(image)), image), dtype=np.uint8)


def _small(picture: Image.Image) -> Pixels:
    return np.asarray(_square(picture), dtype=np.uint8)


def _square(picture: Image.Image) -> Image.Image:
    """Reduce a picture to a grey square of SIDE pixels."""
    grey = picture if picture.mode == "L" else picture.convert("L")
    return grey.resize((SIDE, SIDE), Image.Resampling.BOX)
