"""The orientation in the EXIF data of an image, as browsers read it. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass

ORIENTATION, SHORT = 0x0112, 3  # the field, and the only type of it that counts
UPRIGHT = 1


@dataclass(frozen=True, slots=True)
class Orientation:
    """
    How an image is turned to be shown upright, 1 to 8.

    It *is_plain* where every reader takes the same from the data: there is no such field, or one of the right form.
    """

    value: int = UPRIGHT
    is_plain: bool = True


def read_orientation(tiff: bytes) -> Orientation:
    """Read EXIF data, which have the form of a TIFF. A field of the wrong form, or of another value, is not obeyed."""
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(tiff[:4])
    if order is None:
        return Orientation()
    fields, is_whole = _fields(tiff, order)
    values = [value for kind, count, value in fields if (kind, count) == (SHORT, 1) and 1 <= value <= 8]
    return Orientation(values[0] if values else UPRIGHT, is_whole and len(values) == len(fields) <= 1)


def _fields(tiff: bytes, order: str) -> tuple[list[tuple[int, int, int]], bool]:
    """Return type, count and value of each orientation field, and whether the list of fields is whole."""
    found = []
    try:
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (number,) = struct.unpack_from(f"{order}H", tiff, start)
        for index in range(number):
            tag, kind, count, value = struct.unpack_from(f"{order}HHIH2x", tiff, start + 2 + 12 * index)
            if tag == ORIENTATION:
                found.append((kind, count, value))
    except struct.error:
        return found, False
    return found, True
