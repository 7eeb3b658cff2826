"""The upright box around a shape, from the `value` that Label Studio gives a result. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loop.errors import PayloadError
from loop.label_studio.brush import painted
from loop.regions import Box, enclosing

Json = Mapping[str, Any]
RECTANGLE = ""
LONGEST_SIDE = 1_000_000  # pixels
EDGE = 1e-6  # fractions of the image: what is further out cannot have been drawn
NO_BOX = {
    "keypoint": "a key point has no extent",
    "bitmask": "a bit mask is not read",
    "vector": "a line of vectors is not read",
}


@dataclass(frozen=True, slots=True)
class Outline:
    """The upright box around a shape, by how many degrees it was turned, and what it is if it is no rectangle."""

    box: Box
    rotation: float = 0.0
    shape: str = RECTANGLE


class NoBox(ValueError):
    """A shape that we cannot put a box around; the message says which."""


def outline(result: Json, where: str) -> Outline:
    """
    Return the box around the shape of a *result*, in fractions of the image.

    Raises PayloadError with the field that is no number, NoBox for a kind of shape that is not read.
    """
    value = result.get("value")
    if not isinstance(value, Mapping):
        raise PayloadError(f"{where}.value", "the place of a region", value)
    kind = str(result.get("type")).removesuffix("labels")
    kind = "vector" if "vertices" in value else kind
    if kind in NO_BOX:
        raise NoBox(NO_BOX[kind])
    if kind == "brush" or "rle" in value:
        found = _brush(result, value)
    elif "points" in value:
        found = _polygon(value["points"], f"{where}.value.points")
    elif "radiusX" in value or "radiusY" in value:
        found = _ellipse(result, value, where)
    else:
        found = _rectangle(result, value, where)
    box = found.box
    if not math.isfinite(box.x0 + box.y0 + box.x1 + box.y1):
        raise PayloadError(f"{where}.value", "numbers that a box can be made of", dict(value))
    if min(box.x1, box.y1) < -EDGE or max(box.x0, box.y0) > 1 + EDGE:
        raise PayloadError(f"{where}.value", "a place on the image, in percent of its size", dict(value))
    return found


def number(value: object) -> float | None:
    """Read a finite number, also one that is written as text; None where it is none."""
    if type(value) is float:
        found = value
    elif isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    else:
        try:
            found = float(value)
        except (ValueError, OverflowError):  # an integer may have hundreds of digits
            return None
    return found if math.isfinite(found) else None


def _rectangle(result: Json, value: Json, where: str) -> Outline:
    x, y, width, height = (_percent(value, key, where) for key in ("x", "y", "width", "height"))
    rotation = _rotation(value, where)
    box = Box(x, y, x + width, y + height)
    if rotation:
        return Outline(enclosing(box, rotation, _aspect(result, rotation, where)), rotation)
    if width < 0 or height < 0:  # old projects have them
        box = Box(min(box.x0, box.x1), min(box.y0, box.y1), max(box.x0, box.x1), max(box.y0, box.y1))
    return Outline(box)


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
    found = []
    for index, point in enumerate(points):
        pair = [number(side) for side in point] if isinstance(point, Sequence) and not isinstance(point, str) else []
        if len(pair) != 2 or pair[0] is None or pair[1] is None:
            raise PayloadError(f"{where}[{index}]", "two numbers", point)
        found.append((pair[0] / 100, pair[1] / 100))
    xs, ys = [x for x, _ in found], [y for _, y in found]
    return Outline(Box(min(xs), min(ys), max(xs), max(ys)), shape="polygon")


def _brush(result: Json, value: Json) -> Outline:
    sides = [number(result.get(f"original_{side}")) or 0.0 for side in ("width", "height")]
    if not all(1 <= side <= LONGEST_SIDE for side in sides):
        raise NoBox("a brush stroke is not read: expected the size of the image in pixels beside it")
    try:
        return Outline(painted(value.get("rle"), int(sides[0]), int(sides[1])), shape="brush")
    except ValueError as error:
        raise NoBox(f"a brush stroke is not read: {error}") from error


def _percent(value: Json, key: str, where: str) -> float:
    return _number(value.get(key), f"{where}.value.{key}") / 100


def _rotation(value: Json, where: str) -> float:
    """By how many degrees a shape is turned; whole turns are none."""
    degrees = value.get("rotation")
    rotation = 0.0 if degrees is None or degrees == "" else _number(degrees, f"{where}.value.rotation")
    return 0.0 if rotation % 360 == 0 else rotation


def _aspect(result: Json, rotation: float, where: str) -> float:
    """Width over height of the image in pixels; a shape turned by 180 degrees does not need it."""
    width, height = (number(result.get(f"original_{side}")) or 0.0 for side in ("width", "height"))
    aspect = width / height if width > 0 and height > 0 else 0.0
    if math.isfinite(aspect) and aspect > 0:
        return aspect
    if rotation % 180 == 0:
        return 1.0
    raise PayloadError(f"{where}.original_width", "the size of the image in pixels, for a turned box", (width, height))


def _number(value: object, where: str) -> float:
    found = number(value)
    if found is None:
        raise PayloadError(where, "a finite number", value)
    return found
