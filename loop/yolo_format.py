"""YOLO's label lines and data file, from our regions and back. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from loop.errors import PayloadError
from loop.regions import Box, Region


class Note(StrEnum):
    """What had to be done to a box on the way; counted, never silent."""

    CLIPPED = "clipped to the image"
    EMPTY = "dropped: no extent on the image"
    ROTATED = "rotated box replaced by its enclosing box"
    FURTHER = "further label of a box dropped: YOLO has one class a box"


@dataclass(frozen=True, slots=True)
class Lines:
    """The label file of one image, and how often what was done to its boxes."""

    text: str
    notes: Counter[Note]
    boxes: int


def write_lines(regions: Sequence[Region], class_ids: Mapping[str, int]) -> Lines:
    """Write one line a box: class id, centre x, centre y, width, height, in fractions. Labels must be known."""
    lines: list[str] = []
    notes: Counter[Note] = Counter()
    for region in regions:
        box = region.box.clipped()
        if box.x1 - box.x0 < 1e-6 or box.y1 - box.y0 < 1e-6:
            notes[Note.EMPTY] += 1
            continue
        notes[Note.CLIPPED] += not box.is_close_to(region.box, 1e-6)
        notes[Note.ROTATED] += bool(region.rotation)
        notes[Note.FURTHER] += len(region.further_labels)
        centre = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
        numbers = (*centre, box.x1 - box.x0, box.y1 - box.y0)
        lines.append(" ".join([str(class_ids[region.label]), *(f"{number:.6f}" for number in numbers)]))
    return Lines("".join(f"{line}\n" for line in lines), +notes, len(lines))


def read_lines(text: str, class_names: Sequence[str], where: str = "label file") -> list[Region]:
    """Read a label file; PayloadError names the line that is not one."""
    regions = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            class_id, x, y, width, height = line.split()
            label, half = class_names[int(class_id)], (float(width) / 2, float(height) / 2)
            box = Box(float(x) - half[0], float(y) - half[1], float(x) + half[0], float(y) + half[1])
        except (ValueError, IndexError) as error:
            raise PayloadError(f"{where} line {number}", "class x y width height of a known class", line) from error
        regions.append(Region(f"{number}", box, label))
    return regions


def data_file(class_names: Sequence[str]) -> str:
    """Write `data.yaml` for a dataset folder with the sides `train` and `held_out`; paths are relative to it."""
    names = "".join(f"  {class_id}: {json.dumps(name)}\n" for class_id, name in enumerate(class_names))
    return f"train: images/train\nval: images/held_out\nnames:\n{names}"
