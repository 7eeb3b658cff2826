"""The upright box around a shape, from the `value` of a Label Studio result. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loop.errors import PayloadError
from loop.regions import Box, enclosing

Json = Mapping[str, Any]
RECTANGLE = ""
LONGEST_SIDE = 1_000_000  # pixels
LONGEST_CODE = 1_000_000  # bytes of a brush stroke's code: they take some seconds to read
CHANNELS = 4  # of a brush stroke: red, green, blue, alpha; painted pixels have an alpha
LARGEST = 1.5  # images: a rectangle that is wider or higher cannot have been drawn; perhaps it is in pixels
EDGE = 1e-6  # fractions of the image: a shape further outside cannot have been drawn
NO_BOX = {
    "keypoint": "a key point has no extent",
    "bitmask": "a bit mask is not read",
    "vector": "a line of vectors is not read",
}


@dataclass(frozen=True, slots=True)
class Outline:
    """The upright box around a shape. *rotation* is in degrees; *shape* names any shape but a rectangle."""

    box: Box
    rotation: float = 0.0
    shape: str = RECTANGLE


class NoBox(ValueError):
    """A shape without a readable box; the message says why."""


def outline(result: Json, where: str) -> Outline:
    """
    Return the box around the shape of a *result*, in fractions of the image.

    Raises PayloadError that names the broken field, and NoBox for a kind of shape that is not read.
    """
    value = result.get("value")
    if not isinstance(value, Mapping):
        raise PayloadError(f"{where}.value", "the place of a region", value)
    kind = str(result.get("type")).removesuffix("labels")
    kind = "vector" if "vertices" in value else kind
    if kind in NO_BOX:
        raise NoBox(NO_BOX[kind])
    if kind == "brush" or "rle" in value:
        shape = _brush(result, value)
    elif "points" in value:
        shape = _polygon(value["points"], f"{where}.value.points")
    elif "radiusX" in value or "radiusY" in value:
        shape = _ellipse(result, value, where)
    else:
        shape = _rectangle(result, value, where)
    box = shape.box
    if not math.isfinite(box.x0 + box.y0 + box.x1 + box.y1):
        raise PayloadError(f"{where}.value", "numbers that a box can be made of", dict(value))
    if min(box.x1, box.y1) < -EDGE or max(box.x0, box.y0) > 1 + EDGE:
        raise PayloadError(f"{where}.value", "a place on the image, in percent of its size", dict(value))
    return shape


def number(value: object) -> float | None:
    """Return a finite number, also from text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):  # an integer may have hundreds of digits
        return None
    return result if math.isfinite(result) else None


def _rectangle(result: Json, value: Json, where: str) -> Outline:
    x, y, width, height = (_percent(value, key, where) for key in ("x", "y", "width", "height"))
    rotation = _rotation(value, where)
    box = Box(x, y, x + width, y + height)
    if rotation:  # a side may be longer than the image is in its direction before the turn
        box = enclosing(box, rotation, _aspect(result, rotation, where))
    elif width < 0 or height < 0:  # as in old projects
        box = Box(min(box.x0, box.x1), min(box.y0, box.y1), max(box.x0, box.x1), max(box.y0, box.y1))
    if max(box.x1 - box.x0, box.y1 - box.y0) > LARGEST:
        raise PayloadError(
            f"{where}.value", "a width and a height in percent of the image's", (width * 100, height * 100)
        )
    return Outline(box, rotation)


def _ellipse(result: Json, value: Json, where: str) -> Outline:
    x, y, across, down = (_percent(value, key, where) for key in ("x", "y", "radiusX", "radiusY"))
    rotation = _rotation(value, where)
    if rotation:
        aspect, turn = _aspect(result, rotation, where), math.radians(rotation)
        cos, sin = math.cos(turn), math.sin(turn)
        across, down = (
            math.hypot(across * aspect * cos, down * sin) / aspect,
            math.hypot(across * aspect * sin, down * cos),
        )
    across, down = abs(across), abs(down)
    return Outline(Box(x - across, y - down, x + across, y + down), rotation, "ellipse")


def _polygon(points: object, where: str) -> Outline:
    if not isinstance(points, Sequence) or isinstance(points, str) or len(points) < 3:
        raise PayloadError(where, "at least three points", points)
    corners = []
    for index, point in enumerate(points):
        pair = [number(side) for side in point] if isinstance(point, Sequence) and not isinstance(point, str) else []
        if len(pair) != 2 or pair[0] is None or pair[1] is None:
            raise PayloadError(f"{where}[{index}]", "two numbers", point)
        corners.append((pair[0] / 100, pair[1] / 100))
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return Outline(Box(min(xs), min(ys), max(xs), max(ys)), shape="polygon")


def _brush(result: Json, value: Json) -> Outline:
    sides = [number(result.get(f"original_{side}")) or 0.0 for side in ("width", "height")]
    if not all(1 <= side <= LONGEST_SIDE for side in sides):
        raise NoBox("a brush stroke is not read: expected the size of the image in pixels beside it")
    try:
        return Outline(brush_box(value.get("rle"), int(sides[0]), int(sides[1])), shape="brush")
    except ValueError as error:
        raise NoBox(f"a brush stroke is not read: {error}") from error


def _percent(value: Json, key: str, where: str) -> float:
    return _number(value.get(key), f"{where}.value.{key}") / 100


def _rotation(value: Json, where: str) -> float:
    """Return by how many degrees a shape is turned; whole turns count as zero."""
    degrees = value.get("rotation")
    rotation = 0.0 if degrees is None or degrees == "" else _number(degrees, f"{where}.value.rotation")
    return 0.0 if rotation % 360 == 0 else rotation


def _aspect(result: Json, rotation: float, where: str) -> float:
    """Return width over height of the image in pixels; a shape turned by 180 degrees does not need it."""
    width, height = (number(result.get(f"original_{side}")) or 0.0 for side in ("width", "height"))
    aspect = width / height if width > 0 and height > 0 else 0.0
    if math.isfinite(aspect) and aspect > 0:
        return aspect
    if rotation % 180 == 0:
        return 1.0
    raise PayloadError(f"{where}.original_width", "the size of the image in pixels, for a turned box", (width, height))


def _number(value: object, where: str) -> float:
    result = number(value)
    if result is None:
        raise PayloadError(where, "a finite number", value)
    return result


def brush_box(rle: object, width: int, height: int) -> Box:
    """
    Return the box around the painted pixels of an image of *width* by *height* pixels, in fractions of the image.

    *rle* is the run-length code of https://github.com/thi-ng/umbrella (rle-pack), over all pixels row by row. Memory
    for the image is never allocated, whatever size the code claims. Raises ValueError if the code does not fit the
    image, or nothing is painted.
    """
    if not isinstance(rle, list) or len(rle) > LONGEST_CODE:
        raise ValueError(f"expected its code, a list of at most {LONGEST_CODE} bytes")
    try:
        code = bytes(rle)
    except TypeError as error:
        raise ValueError("expected a code of bytes") from error
    left, top, right, bottom = width, height, -1, -1
    for start, end in _runs(code, width * height * CHANNELS):
        first, last = start // CHANNELS, (end - CHANNELS) // CHANNELS  # pixels whose alpha is in the run
        if first > last:
            continue
        is_one_row = first // width == last // width
        left = min(left, first % width if is_one_row else 0)
        right = max(right, last % width if is_one_row else width - 1)
        top, bottom = min(top, first // width), max(bottom, last // width)
    if right < 0:
        raise ValueError("nothing is painted")
    return Box(left / width, top / height, (right + 1) / width, (bottom + 1) / height)


def _runs(code: bytes, expected: int) -> Iterator[tuple[int, int]]:
    """Yield the runs of values other than zero, as start and end (exclusive)."""
    bits = _Bits(code)
    count, word = bits.read(32), bits.read(5) + 1
    sizes = [bits.read(4) + 1 for _ in range(4)]
    if count != expected:
        raise ValueError(f"its code has {count} values, the image {expected}")
    at = 0
    while at < count:
        is_run = bits.read(1)
        end = min(count, at + 1 + bits.read(sizes[bits.read(2)]))
        if is_run:
            if bits.read(word):
                yield at, end
            at = end
            continue
        while at < end:
            if bits.read(word):
                yield at, at + 1
            at += 1


class _Bits:
    """Reads numbers of any bit length out of bytes, most significant bit first."""

    def __init__(self, code: bytes) -> None:
        self._code, self._at = code, 0

    def read(self, count: int) -> int:
        """Return the next number of *count* bits. Raises ValueError at the end."""
        end = self._at + count
        last = (end + 7) // 8
        if last > len(self._code):
            raise ValueError("its code is cut off")
        number = int.from_bytes(self._code[self._at // 8 : last], "big") >> (last * 8 - end)
        self._at = end
        return number & ((1 << count) - 1)
