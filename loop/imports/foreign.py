"""An image with labels from elsewhere, in the units of its format, and its boxes as fractions of the image. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from loop.errors import PayloadError
from loop.regions import Box

SLACK = 0.01  # relative: a declared size of the same shape belongs to the image, larger or smaller than it was
HELD_OUT = re.compile(r"(val|valid|validation|test|held[_-]?out)(\d{4})?", re.IGNORECASE)  # a folder such as val2017
TRAIN = re.compile(r"train(\d{4})?", re.IGNORECASE)
FIRST_PIXEL = Box(0, 0, 1, 1)
SMALLEST = 1e-6  # fractions of the image: a box with a shorter side has no extent in YOLO's six digits


class BoxNote(StrEnum):
    """A box that is not taken as it stands; counted, never silent."""

    CLIPPED = "clipped to the image"
    EMPTY = "left out: no extent on the image"
    ENCLOSED = "polygon replaced by its enclosing box"
    SWAPPED = "largest and smallest side were swapped"
    TURNED = "turned with the image, as its EXIF data say"
    CROWD = "left out: a crowd, not one object"
    DELETED = "left out: somebody deleted it, and the file still has it"
    DIFFICULT = "marked as difficult, and taken"
    UNWANTED = "left out: its class has no label"


@dataclass(frozen=True, slots=True)
class ForeignBox:
    """One box with the class name that its dataset gives it; *score* is a confidence, if the dataset has one."""

    label: str
    box: Box
    score: float | None = None


@dataclass(frozen=True, slots=True)
class ForeignImage:
    """
    One image of a dataset.

    *name* is its path within the dataset, or the name that its labels give it. *path* is its file; None: no file, for
    the reason in *missing*. *boxes* are in units of *frame*: the size that the dataset declares, (1, 1) for fractions,
    None for the pixels of the image itself. Without *is_labelled* nobody has said what is on the image. An *unread*
    part may be a further object.
    """

    name: str
    path: Path | None
    boxes: tuple[ForeignBox, ...] = ()
    frame: tuple[float, float] | None = (1.0, 1.0)
    is_labelled: bool = True
    notes: Counter[BoxNote] = field(default_factory=Counter)
    unread: tuple[str, ...] = ()
    missing: str = ""


@dataclass(frozen=True, slots=True)
class ForeignDataset:
    """A dataset in a folder: *read* yields its images, as often as it is called, few of them in memory."""

    root: Path
    read: Callable[[], Iterator[ForeignImage]]


@dataclass(frozen=True, slots=True)
class ShownSize:
    """Width and height of an image in pixels as a browser shows it, and the EXIF orientation by which it is turned."""

    width: int
    height: int
    orientation: int = 1


def place(image: ForeignImage, size: ShownSize) -> tuple[tuple[ForeignBox, ...], Counter[BoxNote]]:
    """
    Return the boxes of an image in fractions of it, clipped to it, and all notes.

    Raises PayloadError if the declared size is not that of the image, or a box in pixels is one in fractions.
    """
    frame = image.frame or (float(size.width), float(size.height))
    is_turned = frame != (1.0, 1.0) and _is_turned(frame, size)
    notes, boxes = Counter(image.notes), list[ForeignBox]()
    if frame != (1.0, 1.0) and (wrong := _find_fractions(image.boxes)):
        raise PayloadError("box", "pixels of the image", f"fractions of it: {wrong.label}, {wrong.box}")
    for foreign in image.boxes:
        whole = _scale(foreign.box, frame)
        if is_turned:
            whole = turn(whole, size.orientation)
            notes[BoxNote.TURNED] += 1
        box = whole.clip()
        if box.x1 - box.x0 < SMALLEST or box.y1 - box.y0 < SMALLEST:
            notes[BoxNote.EMPTY] += 1
            continue
        notes[BoxNote.CLIPPED] += not box.is_close_to(whole, SMALLEST)
        boxes.append(ForeignBox(foreign.label, box, foreign.score))
    return tuple(boxes), +notes


def is_held_out(name: str) -> bool | None:
    """Whether the folders of an image say that it is held out from training; None if they say nothing of a split."""
    folders = name.split("/")[:-1]
    if any(map(HELD_OUT.fullmatch, folders)):
        return True
    return False if any(map(TRAIN.fullmatch, folders)) else None


def turn(box: Box, orientation: int) -> Box:
    """Turn a box of the stored image to its place on the image as it is shown; *orientation* is that of EXIF."""
    corners = [_turn(x, y, orientation) for x, y in ((box.x0, box.y0), (box.x1, box.y1))]
    return enclose(corners)


def enclose(points: Sequence[tuple[float, float]]) -> Box:
    """Return the upright box around some points."""
    horizontal, vertical = zip(*points, strict=True)
    return Box(min(horizontal), min(vertical), max(horizontal), max(vertical))


def read_number(value: object, where: str) -> float:
    """Return a finite number. Raises PayloadError."""
    try:
        read = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        read = math.nan
    if not math.isfinite(read):
        raise PayloadError(where, "a number", value)
    return read


def _scale(box: Box, frame: tuple[float, float]) -> Box:
    width, height = frame
    return Box(box.x0 / width, box.y0 / height, box.x1 / width, box.y1 / height)


def _find_fractions(boxes: Sequence[ForeignBox]) -> ForeignBox | None:
    """
    Return a box that should be in pixels and lies within the first of them, as fractions of the image do.

    A box that is the whole first pixel is one where another box lies beyond it, else it is the whole image.
    """
    are_pixels = any(max(foreign.box.x1, foreign.box.y1) > 1 for foreign in boxes)
    for foreign in boxes:
        box = foreign.box
        is_within = min(box.x0, box.y0) >= 0 and max(box.x1, box.y1) <= 1 and box.area > 0
        if is_within and not (are_pixels and box == FIRST_PIXEL):
            return foreign
    return None


def _is_turned(frame: tuple[float, float], size: ShownSize) -> bool:
    """Whether boxes are places on the stored image, not on the image as it is shown. Raises PayloadError."""
    shown = (size.width, size.height)
    if _has_shape(frame, shown):
        return False
    if size.orientation >= 5 and _has_shape(frame, shown[::-1]):
        return True
    declared = f"{frame[0]:g} x {frame[1]:g}"
    raise PayloadError("size", f"that of the image, {size.width} x {size.height}, or of the same shape", declared)


def _has_shape(frame: tuple[float, float], size: tuple[int, int]) -> bool:
    width, height = frame[0] / size[0], frame[1] / size[1]
    return abs(width - height) <= SLACK * max(width, height)


def _turn(x: float, y: float, orientation: int) -> tuple[float, float]:
    places = {
        2: (1 - x, y),
        3: (1 - x, 1 - y),
        4: (x, 1 - y),
        5: (y, x),
        6: (1 - y, x),
        7: (1 - y, 1 - x),
        8: (y, 1 - x),
    }
    return places.get(orientation, (x, y))
