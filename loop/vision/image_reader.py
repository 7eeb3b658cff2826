"""The one reader of images: from the bytes of a file to the upright 8-bit picture that a browser shows."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from loop.errors import ImageTooLarge, ImageUnreadable, LoopError
from loop.memory_budget import Use, budget
from loop.regions import Pixels
from loop.vision.file_kinds import describe_file

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF", "TIFF", "JPEG2000")  # Pillow may call a JPEG an MPO
PAGE = 255  # the white behind transparent pixels
TURNS = {  # by orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SHALLOW = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "LA", "PA", "RGBA", "RGBa")  # Pillow's modes of 8 bits
DEEP = ("I;16", "I;16L", "I;16B", "I;16N")  # and of 16-bit grey
NEW_SUBFILE_TYPE, BITS, PHOTOMETRIC = 254, 258, 262  # of the TIFF tags
SRGB_GAMMA = 1 / 2.2
GAMMA_TOLERANCE = 0.02  # browsers take a gamma nearer to sRGB's than this for sRGB
BLOCK = 2**26  # bytes that Pillow allocates at a time: smaller blocks would stay with the process when they are freed
STRIP = 2**16  # pixels that are converted at a time: they stay in the processor's cache
DECODERS = {"WEBP": 10, "AVIF": 4, "JPEG2000": 13, "TIFF": 4}  # bytes a pixel of their own; 1 for all others
PROGRESSIVE = 5  # the same for a progressive JPEG, whose coefficients are all in memory
ORIENTATION, SHORT, UPRIGHT = 0x0112, 3, 1  # the EXIF field, the only type of it that counts, and its usual value


@dataclass(frozen=True, slots=True)
class Orientation:
    """
    How an image is turned to be shown upright, 1 to 8.

    *is_plain*: every reader takes the same from the EXIF data. The field is missing, or it has the right form.
    """

    value: int = UPRIGHT
    is_plain: bool = True


@contextmanager
def open_image(content: bytes, address: str, most_pixels: int) -> Iterator[Image.Image]:
    """
    Open an image file without decoding it; any error inside the `with` block is raised as an ImageError.

    *address* names the image in errors. Raises ImageTooLarge, ImageUnreadable.
    """
    Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit is off: *most_pixels* is the limit
    Image.core.set_block_size(BLOCK)  # type: ignore[attr-defined]
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # about broken metadata
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            _check(image, address, most_pixels)
            yield image
    except LoopError:
        raise
    except MemoryError as error:
        raise ImageTooLarge(address, "more than fits into memory") from error
    except UnidentifiedImageError as error:
        raise ImageUnreadable(address, describe_file(content)) from error
    except Exception as error:  # Pillow's readers raise anything for foreign bytes
        raise ImageUnreadable(address, f"{describe_file(content)} ({error})") from error


def decoding_bytes(image: Image.Image, copies: int = 1) -> int:
    """Return the bytes at the peak of decoding an open image, with 8-bit RGB *copies* beside it: test_memory.py."""
    own, flat = 1 if image.mode in ("1", "L", "P") else 4, 1 if image.mode == "L" else 4
    decoder = DECODERS.get(image.format or "", PROGRESSIVE if image.info.get("progressive") else 1)
    pixel = own + decoder + 3 * copies
    if image.has_transparency_data:
        pixel += 16  # the layer, the page, both together, and their RGB
    elif image.mode not in ("L", "RGB"):
        pixel += 7 if image.mode in DEEP else flat
    if orientation_of(image).value in TURNS:
        pixel += flat
    return image.width * image.height * pixel


def decode_upright(image: Image.Image) -> Image.Image:
    """Decode an image to 8-bit RGB or grey without transparency, turned as browsers turn it."""
    return turn(flatten(image), image)


def read_pixels(content: bytes, address: str, most_pixels: int) -> Pixels:
    """
    Return the picture of an image file as a browser shows it, upright: BGR, uint8 (height, width, 3).

    An animation gives its first frame, a document its first page. Transparent pixels are shown on white, colour
    profiles are not applied. *address* names the image in errors. Raises ImageTooLarge before more than *most_pixels*
    are decoded, ImageUnreadable, and Overloaded where this process has no memory for it in time.
    """
    with budget().take(Use.PICTURE, measure(content, address, most_pixels)):
        return decode_pixels(content, address, most_pixels)


def measure(content: bytes, address: str, most_pixels: int) -> int:
    """Return the bytes of memory that `decode_pixels` takes, by the head of the file. Raises as `read_pixels`."""
    with open_image(content, address, most_pixels) as image:
        return decoding_bytes(image)


def decode_pixels(content: bytes, address: str, most_pixels: int) -> Pixels:
    """Return the same as `read_pixels`, within memory that the caller has taken."""
    with open_image(content, address, most_pixels) as image:
        return as_pixels(decode_upright(image))


def as_pixels(image: Image.Image) -> Pixels:
    """Return a picture as OpenCV and ultralytics have it: BGR, uint8 (height, width, 3)."""
    import cv2

    pixels = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):  # not at once: copies of the whole picture would stand side by side
        strip = image.crop((0, top, image.width, min(top + rows, image.height))).convert("RGB")
        values = np.frombuffer(strip.tobytes("raw", "RGBX"), np.uint8)  # as Pillow has them: faster than as RGB
        cv2.cvtColor(values.reshape(-1, image.width, 4), cv2.COLOR_RGBA2BGR, dst=pixels[top : top + rows])
    return pixels


def orientation_of(image: Image.Image) -> Orientation:
    """
    Return the orientation of an image that browsers obey.

    Pillow's own function also obeys the orientation of a WebP, of XMP and of text chunks, which browsers do not.
    (Pillow turns a TIFF itself when it loads it.)
    """
    if image.format in ("JPEG", "MPO"):
        exif = next((data for data in app1_segments(image) if data.startswith(b"Exif\x00")), b"")
    else:
        exif = image.info.get("exif", b"") if image.format in ("PNG", "AVIF") else b""
    return read_orientation(exif[6:] if exif.startswith(b"Exif\x00") else exif)


def app1_segments(image: Image.Image) -> list[bytes]:
    """Return the APP1 segments of a JPEG in their order; they have its EXIF data and more."""
    return [data for name, data in image.applist if name == "APP1"]  # type: ignore[attr-defined]


def turn(picture: Image.Image, image: Image.Image) -> Image.Image:
    """Turn the *picture* of an image as browsers turn the image."""
    transpose = TURNS.get(orientation_of(image).value)
    return picture if transpose is None else picture.transpose(transpose)


def flatten(image: Image.Image) -> Image.Image:
    """Decode an image to its end, to 8-bit RGB or grey (modes RGB and L), without transparency."""
    told = dict(image.info)
    if image.info.get("default_image"):
        image.seek(1)  # an animated PNG whose first picture is for programs that know no animations
    image.load()
    image.info = told if image.format == "PNG" else image.info  # browsers pass over what comes after the pixels
    curve = _gamma_curve(image)
    if image.mode in DEEP:
        return Image.fromarray(_reduce_grey(image, curve))
    if image.has_transparency_data:
        _make_key_shallow(image)
        layer = image.convert("RGBA")
        if curve is not None:
            layer = layer.point([*(list(curve[::257]) * 3), *range(256)])
        page = Image.new("RGBA", layer.size, (PAGE, PAGE, PAGE, 255))
        return Image.alpha_composite(page, layer).convert("RGB")
    picture = image if image.mode in ("L", "RGB") else image.convert("RGB")
    return picture if curve is None else picture.point(list(curve[::257]) * len(picture.getbands()))


def _reduce_grey(image: Image.Image, curve: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Reduce 16-bit grey to its high byte, as browsers do."""
    values = np.asarray(image).astype(np.uint16)
    is_clear = values == image.info["transparency"] if isinstance(image.info.get("transparency"), int) else None
    if image.format == "TIFF":
        tags = image.tag_v2  # type: ignore[attr-defined]
        values <<= max(0, 16 - int(tags.get(BITS, (16,))[0]))
        if tags.get(PHOTOMETRIC) == 0:  # zero is white
            values = ~values
    grey = (values >> 8).astype(np.uint8) if curve is None else curve[values]
    return grey if is_clear is None else np.where(is_clear, np.uint8(PAGE), grey)


def _make_key_shallow(image: Image.Image) -> None:
    """Reduce the transparent colour of a 16-bit PNG to 8 bits, as Pillow does with its pixels."""
    key = image.info.get("transparency")
    if isinstance(key, tuple) and max(key) > 255:
        image.info["transparency"] = tuple(value >> 8 for value in key)


def _gamma_curve(image: Image.Image) -> NDArray[np.uint8] | None:
    """Return the sRGB value of each 16-bit value of a PNG with a gamma of its own; None where no value changes."""
    gamma = image.info.get("gamma")
    has_profile = "srgb" in image.info or "icc_profile" in image.info
    if image.format != "PNG" or not gamma or has_profile or abs(gamma - SRGB_GAMMA) < GAMMA_TOLERANCE:
        return None
    light = np.linspace(0, 1, 65_536) ** (1 / gamma)
    shown = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)  # IEC 61966-2-1
    curve: NDArray[np.uint8] = np.round(255 * shown).astype(np.uint8)
    return curve


def _check(image: Image.Image, address: str, most_pixels: int) -> None:
    """Refuse an image with too many pixels, and one without a defined look in 8 bits."""
    if image.width * image.height > most_pixels:
        size = f"{image.width} x {image.height}"
        raise ImageTooLarge(address, f"{size} is more than {most_pixels} pixels (LOOP_IMAGE_PIXELS)")
    if image.mode not in SHALLOW + DEEP:
        kind = {"F": "floating-point numbers", "I": "signed or 32-bit integers"}.get(image.mode, image.mode)
        why = f"a {image.format} of {kind} has no defined look on a screen: convert it to a PNG of 8 or 16 bits"
        raise ImageUnreadable(address, why)
    if image.format == "TIFF" and image.tag_v2.get(NEW_SUBFILE_TYPE, 0) & 1:  # type: ignore[attr-defined]
        raise ImageUnreadable(address, "this TIFF begins with a preview, as raw files do: convert it to JPEG or PNG")


def read_orientation(tiff: bytes) -> Orientation:
    """Read EXIF data, which have the form of a TIFF. A field of the wrong form, or of another value, is not obeyed."""
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(tiff[:4])
    if order is None:
        return Orientation()
    fields, is_whole = _read_orientation_fields(tiff, order)
    values = [value for kind, count, value in fields if (kind, count) == (SHORT, 1) and 1 <= value <= 8]
    return Orientation(values[0] if values else UPRIGHT, is_whole and len(values) == len(fields) <= 1)


def _read_orientation_fields(tiff: bytes, order: str) -> tuple[list[tuple[int, int, int]], bool]:
    """Return type, count and value of each orientation field, and whether the list of fields is whole."""
    fields = []
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (number,) = struct.unpack_from(f"{order}H", tiff, start)
        for index in range(number):
            tag, kind, count, value = struct.unpack_from(f"{order}HHIH2x", tiff, start + 2 + 12 * index)
            if tag == ORIENTATION:
                fields.append((kind, count, value))
    except struct.error:
        return fields, False
    return fields, True
