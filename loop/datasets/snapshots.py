"""The images of a dataset, and the report on them. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from loop.datasets.splits import Side
from loop.label_studio.classes import ClassIndex
from loop.label_studio.result_format import Unread, Why
from loop.regions import Region

MOST_NAMED = 100  # tasks named in a report, for each reason
NAMED_IN_A_LINE = 3


class Reason(StrEnum):
    """The reason to leave out a whole image; with an object missing, it would teach that nothing is at its place."""

    NO_CONFIG = Why.NO_CONFIG.value
    NO_RESULT = Why.NO_RESULT.value
    UNKNOWN_LABEL = Why.UNKNOWN_LABEL.value
    NO_LABEL = Why.NO_LABEL.value
    BROKEN_BOX = Why.BROKEN.value
    SHAPE = Why.SHAPE.value
    EMPTY_BOXES = "none of its boxes has an extent"
    NO_IMAGE = "the image cannot be read"
    NO_REVIEW = "the review cannot be read"
    REPLACED = "its image was replaced after the review: delete the annotation, and review the task again"
    SAME_ID = "another task before it has its id"
    LEFT_OUT = "out of training, as a twin of a held-out task"
    RESTING = "learned before and not repeated this time (LOOP_REPLAY_SHARE)"
    BACKGROUND = "nothing is on it, and enough such images are trained on (LOOP_BACKGROUND_SHARE)"


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """
    One reviewed image with all its objects; a negative has none. Images with the same *group* stay on one side.

    If a part of its review is *unread*, the regions are not all its objects. *mark* changes with the review and with
    every rule for its labels; it is empty if nothing is taken over.
    """

    task_id: int
    image: str
    regions: tuple[Region, ...]
    annotation_id: int | None = None
    group: str | None = None
    unread: tuple[Unread, ...] = ()
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """
    One image of a dataset, as `items.jsonl` has it.

    *image* and *labels* are the SHA-256 of the files. A *resting* image was learned before by the version that this
    training starts from. It is not repeated, and the dataset has no files for it.
    """

    task: int
    annotation: int | None
    side: Side
    file: str
    image: str
    labels: str
    boxes: int
    resting: bool = False

    @property
    def content(self) -> bytes:
        """A hash of everything that a detector learns from it; the same hash has nothing new to learn."""
        return hash_content(self.task, self.image, self.labels)

    def as_json(self) -> dict[str, Any]:
        """The item as plain JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass
class SnapshotReport:
    """The counts of images and boxes written, of changes to boxes, and of images left out, with the reasons."""

    images: Counter[str] = field(default_factory=Counter)
    boxes: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    train: Counter[str] = field(default_factory=Counter)
    tiles: Counter[str] = field(default_factory=Counter)
    undecided: Counter[str] = field(default_factory=Counter)
    unknown_labels: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, list[int]] = field(default_factory=dict)
    causes: dict[int, str] = field(default_factory=dict)

    def leave_out(self, reason: Reason, task_id: int, cause: str = "") -> None:
        """Count an image that is left out. Name the first images of each reason, with the *cause* if it is given."""
        self.counts[reason.value] += 1
        cause = cause.removeprefix(f"task {task_id} ")
        named = self.left_out.setdefault(reason.value, [])
        if len(named) < MOST_NAMED:
            named.append(task_id)
            if cause:
                self.causes.setdefault(task_id, cause)

    def losses(self) -> str:
        """Describe in one line how many images were left out, why, and the causes of the first."""
        if not self.counts:
            return "no task was left out"
        parts = []
        for reason, count in sorted(self.counts.items()):
            first = self.left_out[reason][:NAMED_IN_A_LINE]
            named = [
                f"task {task_id}: {self.causes[task_id]}" if task_id in self.causes else f"task {task_id}"
                for task_id in first
            ]
            parts.append(f"{count} because {reason} ({'; '.join(named)}{'; …' * (count > len(first))})")
        return f"left out: {', '.join(parts)}"

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON: counts by side, of boxes and by label, and the images left out."""
        record: dict[str, Any] = {"images": dict(self.images), "boxes": dict(self.boxes), "notes": dict(self.notes)}
        if self.train:
            record["train"] = dict(self.train)
        if self.tiles:
            record["tiles"] = dict(self.tiles)
        if self.undecided:
            record["labels_that_left_the_config"] = dict(sorted(self.undecided.items()))
        if self.unknown_labels:
            record["unknown_labels"] = dict(sorted(self.unknown_labels.items()))
        left_out = {reason: sorted(task_ids) for reason, task_ids in sorted(self.left_out.items())}
        if self.causes:
            record["causes"] = {str(task_id): cause for task_id, cause in sorted(self.causes.items())}
        return {**record, "left_out": left_out, "left_out_counts": dict(sorted(self.counts.items()))}


def find_problem(item: LabelledImage, labels: ClassIndex, report: SnapshotReport) -> Reason | None:
    """Return why the labels of an image cannot be used, if so. Count labels that are unknown or undecided."""
    if item.unread:
        report.unknown_labels.update(one.label for one in item.unread if one.label)
        return Reason(item.unread[0].why.value)
    labelled = Counter(region.label for region in item.regions)
    if unknown := labelled.keys() - labels.ids.keys():
        report.unknown_labels.update({label: labelled[label] for label in unknown})
        return Reason.UNKNOWN_LABEL
    report.undecided.update({label: times for label, times in labelled.items() if label in labels.undecided})
    return None


def hash_content(task_id: int, image: str, labels: str) -> bytes:
    """Hash everything that a detector learns from a task."""
    return hashlib.sha256(f"{task_id}:{image}:{labels}".encode()).digest()[:12]
