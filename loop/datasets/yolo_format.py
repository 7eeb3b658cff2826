"""Writes and reads YOLO label lines and data files. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import yaml

from loop.errors import PayloadError
from loop.label_studio.classes import ClassIndex
from loop.regions import Box, Region
from loop.yaml_text import load


class Note(StrEnum):
    """A change made to a box when it is written; counted, never silent."""

    CLIPPED = "clipped to the image"
    EMPTY = "dropped: no extent on the image"
    ROTATED = "rotated box replaced by its enclosing box"
    ENCLOSED = "polygon, ellipse or brush stroke replaced by its enclosing box"
    FURTHER = "further label of a box dropped: an object has one label of a control without choice=multiple"
    TWICE = "dropped: the same box with the same label twice"
    RETIRED = "box dropped: its class is retired"


@dataclass(frozen=True, slots=True)
class LabelLines:
    """The label file of one image, and the counted changes to its boxes."""

    text: str
    notes: Counter[Note]
    boxes: int


def write_lines(regions: Sequence[Region], labels: ClassIndex) -> LabelLines:
    """
    Write one line per box: class id, centre x, centre y, width, height, in fractions. *labels* must know every label.

    Raises PayloadError at a box that is not four finite numbers, because clipping would invent a box.
    """
    lines = dict[str, None]()
    notes: Counter[Note] = Counter()
    for region in regions:
        box = _clip_to_image(region)
        if region.label in labels.retired:
            notes[Note.RETIRED] += 1
            continue
        if box.x1 - box.x0 < 1e-6 or box.y1 - box.y0 < 1e-6:
            notes[Note.EMPTY] += 1
            continue
        if box is not region.box and not box.is_close_to(region.box, 1e-6):
            notes[Note.CLIPPED] += 1
        if region.shape:
            notes[Note.ENCLOSED] += 1
        elif region.rotation:
            notes[Note.ROTATED] += 1
        if region.further_labels:
            notes[Note.FURTHER] += len(region.further_labels)
        width, height = box.x1 - box.x0, box.y1 - box.y0
        x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
        line = f"{labels.ids[region.label]} {x:.6f} {y:.6f} {width:.6f} {height:.6f}\n"
        if line in lines:  # ultralytics trains on one of them
            notes[Note.TWICE] += 1
            continue
        lines[line] = None
    return LabelLines("".join(lines), notes, len(lines))


def read_lines(text: str, class_names: Sequence[str], where: str = "label file") -> list[Region]:
    """Read a label file. Raises PayloadError, which names the line."""
    regions = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            class_id, *numbers = line.split()
            x, y, width, height = map(float, numbers)
            label = dict(enumerate(class_names))[int(class_id)]
        except (ValueError, KeyError) as error:
            raise PayloadError(f"{where} line {number}", "class x y width height of a known class", line) from error
        if not all(0.0 <= one <= 1.0 for one in (x, y, width, height)):  # NaN is not
            raise PayloadError(f"{where} line {number}", "four fractions of the image", line)
        box = Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        regions.append(Region(f"{number}", box, label))
    return regions


def write_data_file(labels: ClassIndex) -> str:
    """
    Write `data.yaml` for a dataset folder with the sides `train` and `held_out`; paths are relative to it.

    The file is ASCII, and every name is quoted, so that any name is read back unchanged and as text. The key
    `former_names` is ours. It maps names that older detectors still use to class ids.
    """
    content: dict[str, Any] = {
        "train": "images/train",
        "val": "images/held_out",
        "names": {class_id: _Name(name) for class_id, name in enumerate(labels.names)},
    }
    if labels.former:
        content["former_names"] = {_Name(name): class_id for name, class_id in sorted(labels.former.items())}
    text: str = yaml.dump(content, Dumper=_QuotingDumper, sort_keys=False, width=math.inf)
    return text


def read_data_file(text: str) -> ClassIndex:
    """Read the classes of a `data.yaml` that `write_data_file` wrote, former names too. Raises PayloadError."""
    try:
        content: Any = load(text)
        by_id = {int(class_id): str(name) for class_id, name in content["names"].items()}
        names = tuple(by_id[class_id] for class_id in range(len(by_id)))
        former = {str(name): int(class_id) for name, class_id in (content.get("former_names") or {}).items()}
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise PayloadError("data.yaml", "names of classes by id, from 0 without a gap", f"{error}") from error
    return ClassIndex(names, {name: class_id for class_id, name in enumerate(names)} | former)


class _Name(str):
    """A name written with quotes, because `yes`, `0001` and `~` would otherwise not be read as text."""

    __slots__ = ()


class _QuotingDumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes names in quotes."""


_QuotingDumper.add_representer(
    _Name, lambda dumper, name: dumper.represent_scalar("tag:yaml.org,2002:str", name, style='"')
)


def _clip_to_image(region: Region) -> Box:
    """Return the part of a box that lies on the image. Raises PayloadError."""
    box = region.box
    sides = box.sides
    if not all(map(_is_finite, sides)):
        raise PayloadError(f"region {region.id} box", "four finite numbers", box)
    return box if min(sides) >= 0.0 and max(sides) <= 1.0 else box.clip()


def _is_finite(number: object) -> bool:
    return isinstance(number, int | float) and math.isfinite(number)
