"""The one reader of images: from the bytes of a file to the upright 8-bit picture that a browser shows."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from loop.errors import ImageError, ImageTooLarge, ImageUnreadable
from loop.regions import Pixels
from loop.vision.file_kinds import describe_file
from loop.vision.orientation import Orientation, read_orientation

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF", "TIFF", "JPEG2000")  # a JPEG may turn out to be an MPO
PAGE = 255  # the white behind transparent pixels
TURNS = {
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
GAMMA_TOLERANCE = 0.02  # browsers take what is nearer to sRGB for sRGB


@contextmanager
def opening(content: bytes, address: str, most_pixels: int) -> Iterator[Image.Image]:
    """
    Open an image file, with nothing decoded yet; whatever goes wrong until the end is raised as an ImageError.

    *address* names the image in errors. Raises ImageTooLarge, ImageUnreadable.
    """
    Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit of pixels; ours decides
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # of broken metadata
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            _check(image, address, most_pixels)
            yield image
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageTooLarge(address, "more than fits into memory") from error
    except UnidentifiedImageError as error:
        raise ImageUnreadable(address, describe_file(content)) from error
    except Exception as error:  # Pillow's readers raise anything for foreign bytes
        raise ImageUnreadable(address, f"{describe_file(content)} ({error})") from error


def upright(image: Image.Image) -> Image.Image:
    """Decode an image as `flat`, turned as browsers turn it."""
    return turned(flat(image), image)


def read_pixels(content: bytes, address: str, most_pixels: int) -> Pixels:
    """
    Return the picture of an image file as a browser shows it, upright: BGR, uint8 (height, width, 3).

    Of an animation it is the first frame, of a document the first page. Transparent pixels are shown on white, colour
    profiles are not applied. *address* names the image in errors. Raises ImageTooLarge before more than *most_pixels*
    are decoded, ImageUnreadable.
    """
    with opening(content, address, most_pixels) as image:
        return as_pixels(upright(image))


def as_pixels(image: Image.Image) -> Pixels:
    """Return a picture as OpenCV and ultralytics have it: BGR, uint8 (height, width, 3)."""
    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def orientation(image: Image.Image) -> Orientation:
    """
    Return the orientation of an image that browsers obey.

    Pillow's own function also obeys that of a WebP, of XMP and of text chunks, which browsers do not. (A TIFF it has
    turned when it loads it.)
    """
    if image.format in ("JPEG", "MPO"):
        exif = next((data for data in app1_segments(image) if data.startswith(b"Exif\x00")), b"")
    else:
        exif = image.info.get("exif", b"") if image.format in ("PNG", "AVIF") else b""
    return read_orientation(exif[6:] if exif.startswith(b"Exif\x00") else exif)


def app1_segments(image: Image.Image) -> list[bytes]:
    """The APP1 segments of a JPEG, which have its EXIF data and more, in their order."""
    return [data for name, data in image.applist if name == "APP1"]  # type: ignore[attr-defined]


def turned(picture: Image.Image, image: Image.Image) -> Image.Image:
    """Turn a picture of an image as browsers turn that."""
    turn = TURNS.get(orientation(image).value)
    return picture if turn is None else picture.transpose(turn)


def flat(image: Image.Image) -> Image.Image:
    """Decode an image to its end, to 8-bit RGB or grey (modes RGB and L), without transparency."""
    if image.info.get("default_image"):
        image.seek(1)  # of an animated PNG whose first picture is for those who do not know animations
    image.load()
    curve = _curve(image)
    if image.mode in DEEP:
        return Image.fromarray(_grey(image, curve))
    if image.has_transparency_data:
        _make_key_shallow(image)
        layer = image.convert("RGBA")
        if curve is not None:
            layer = layer.point([*(list(curve[::257]) * 3), *range(256)])
        page = Image.new("RGBA", layer.size, (PAGE, PAGE, PAGE, 255))
        return Image.alpha_composite(page, layer).convert("RGB")
    picture = image if image.mode in ("L", "RGB") else image.convert("RGB")
    return picture if curve is None else picture.point(list(curve[::257]) * len(picture.getbands()))


def _grey(image: Image.Image, curve: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Reduce 16-bit grey to its high byte, as browsers do."""
    values = np.asarray(image).astype(np.uint16)
    is_clear = values == image.info["transparency"] if isinstance(image.info.get("transparency"), int) else None
    if image.format == "TIFF":
        tags = image.tag_v2  # type: ignore[attr-defined]
        values <<= max(0, 16 - int(tags.get(BITS, (16,))[0]))
        if tags.get(PHOTOMETRIC) == 0:  # zero is white
            values = ~values
    grey = (values >> 8).astype(np.uint8) if curve is None else curve[values]
    if is_clear is not None:
        grey[is_clear] = PAGE
    return grey


def _make_key_shallow(image: Image.Image) -> None:
    """Bring the transparent colour of a 16-bit PNG to the 8 bits that Pillow gives of its pixels."""
    key = image.info.get("transparency")
    if isinstance(key, tuple) and max(key) > 255:
        image.info["transparency"] = tuple(value >> 8 for value in key)


def _curve(image: Image.Image) -> NDArray[np.uint8] | None:
    """Map each 16-bit value of a PNG with a gamma of its own to what is shown in sRGB; None where that is the same."""
    gamma = image.info.get("gamma")
    has_profile = "srgb" in image.info or "icc_profile" in image.info
    if image.format != "PNG" or not gamma or has_profile or abs(gamma - SRGB_GAMMA) < GAMMA_TOLERANCE:
        return None
    light = np.linspace(0, 1, 65_536) ** (1 / gamma)
    shown = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)  # IEC 61966-2-1
    curve: NDArray[np.uint8] = np.round(255 * shown).astype(np.uint8)
    return curve


def _check(image: Image.Image, address: str, most_pixels: int) -> None:
    """Refuse what must not be decoded, and what has no defined look in 8 bits."""
    if image.width * image.height > most_pixels:
        size = f"{image.width} x {image.height}"
        raise ImageTooLarge(address, f"{size} is more than {most_pixels} pixels (LOOP_IMAGE_PIXELS)")
    if image.mode not in SHALLOW + DEEP:
        kind = {"F": "floating-point numbers", "I": "signed or 32-bit integers"}.get(image.mode, image.mode)
        why = f"a {image.format} of {kind} has no defined look on a screen: convert it to a PNG of 8 or 16 bits"
        raise ImageUnreadable(address, why)
    if image.format == "TIFF" and image.tag_v2.get(NEW_SUBFILE_TYPE, 0) & 1:  # type: ignore[attr-defined]
        raise ImageUnreadable(address, "this TIFF begins with a preview, as raw files do: convert it to JPEG or PNG")
