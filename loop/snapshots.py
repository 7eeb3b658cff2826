"""What goes into a dataset, and the name its content gives it. Pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from loop.regions import Region
from loop.splits import Side


class Reason(StrEnum):
    """Why a reviewed image is left out whole: with an object missing, it would teach that nothing is there."""

    UNKNOWN_LABEL = "a box has a label that is not in the class list"
    NO_LABEL = "a box has no label"
    NO_IMAGE = "the image cannot be read"


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One reviewed image: all its objects, on one side of the split. No region at all is a negative."""

    task_id: int
    image: str
    regions: tuple[Region, ...]
    side: Side


@dataclass(frozen=True, slots=True)
class Entry:
    """One image as it stands in the dataset folder."""

    name: str
    side: Side
    image_sha256: str
    labels: str


@dataclass
class Report:
    """What went in, what was done to boxes, what was left out and why."""

    images: Counter[str] = field(default_factory=Counter)
    boxes: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, list[int]] = field(default_factory=dict)

    def leave_out(self, reason: Reason, task_id: int) -> None:
        """Count one image left out."""
        self.left_out.setdefault(reason.value, []).append(task_id)

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON."""
        counts = {"images": dict(self.images), "boxes": dict(self.boxes), "notes": dict(self.notes)}
        return {**counts, "left_out": self.left_out}


def usable(items: Iterable[LabelledImage], class_ids: Mapping[str, int], report: Report) -> list[LabelledImage]:
    """Return the items all of whose regions have a known label; the others are left out and reported."""
    kept = []
    for item in items:
        labels = {region.label for region in item.regions}
        if "" in labels:
            report.leave_out(Reason.NO_LABEL, item.task_id)
        elif labels - class_ids.keys():
            report.leave_out(Reason.UNKNOWN_LABEL, item.task_id)
        else:
            kept.append(item)
    return kept


def digest(entries: Sequence[Entry], class_names: Sequence[str]) -> str:
    """Name a dataset by its content: the same images, labels, sides and classes give the same 64 hex digits."""
    lines = sorted([entry.name, entry.side.value, entry.image_sha256, entry.labels] for entry in entries)
    return hashlib.sha256(json.dumps([list(class_names), lines]).encode()).hexdigest()
