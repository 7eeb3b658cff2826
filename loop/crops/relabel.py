"""Gives reviewed boxes another label, through reviews in bulk: in Label Studio first, as a person would."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loop.crops.room import CropsRoom
from loop.errors import LoopError, PayloadError
from loop.label_studio.annotations import relabel as relabel_result
from loop.label_studio.classes import RETIRED
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.payloads import Review
from loop.reviews.bulk.run import annotate
from loop.reviews.review_store import CountedReview

MOST = 200  # boxes at a time


@dataclass(frozen=True, slots=True)
class BoxName:
    """The name of a box: its task, and its region."""

    task_id: int
    region: str

    @classmethod
    def read(cls, text: str) -> BoxName:
        """Read TASK:REGION. Raises PayloadError."""
        task, separator, region = text.partition(":")
        if not (separator and region and task.isascii() and task.isdigit() and len(task) < 19 and int(task)):
            raise PayloadError("box", "TASK:REGION, the id of a task and of a region of its review", text)
        return cls(int(task), region)

    @property
    def text(self) -> str:
        """The name as one text."""
        return f"{self.task_id}:{self.region}"


@dataclass(slots=True)
class RelabelReport:
    """How many boxes have the new label now, that of a retired class or not, and why others have not."""

    label: str
    is_retired: bool
    done: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        """One line about it."""
        failed = f"; {len(self.failures)} tasks failed: {self.failures[0]}" if self.failures else ""
        retired = f", which is {RETIRED}" if self.is_retired else ""
        return f"{self.done} boxes are {self.label} now{retired}{failed}"


def relabel(
    crops: CropsRoom, project_id: int, boxes: Sequence[BoxName], label: str, *, actor: str, why: str = ""
) -> RelabelReport:
    """
    Give boxes of reviews a label; return how many have it, and what failed.

    All boxes of a task are changed at once, and everything else of its review stays. A review that was changed since it
    was recorded is left alone, and so is a box that nobody has reviewed: a review would say of all other boxes on its
    image that they are right. Raises PayloadError for a label that the project lacks, and for too many boxes.
    """
    config = crops.studio.projects.get(project_id).config()
    if label not in config.label_names:
        raise PayloadError("label", f"one of {', '.join(config.label_names)}", label)
    if not 0 < len(boxes) <= MOST:
        raise PayloadError("boxes", f"1 to {MOST} boxes", len(boxes))
    by_task: dict[int, set[str]] = {}
    for box in boxes:
        by_task.setdefault(box.task_id, set()).add(box.region)
    report = RelabelReport(label, label in crops.studio.classes.book(project_id).labels(()).retired)
    reviews = crops.reviews.store.latest(project_id, sorted(by_task))
    operations, counts = list[tuple[str, object]](), list[int]()
    for task_id, regions in by_task.items():
        try:
            operation = _write(crops, reviews.get(task_id), task_id, dict.fromkeys(regions, label), config)
        except LoopError as error:
            report.failures.append(f"task {task_id}: {error}")
            continue
        if operation is None:
            report.done += len(regions)
            continue
        operations.append((f"task {task_id}", {**operation, "actor": actor, "reasoning": why or None}))
        counts.append(len(regions))
    _do(crops, project_id, operations, counts, report)
    return report


def _has_labels(review: Review, labels: Mapping[str, str]) -> bool:
    """Whether boxes of a review all have their labels already, and no others."""
    given: dict[str, set[str]] = {}
    for region in review.regions:
        given.setdefault(region.id, set()).update((region.label, *region.further_labels))
    return all(given.get(region_id) == {label} for region_id, label in labels.items())


def _do(
    crops: CropsRoom,
    project_id: int,
    operations: Sequence[tuple[str, object]],
    counts: Sequence[int],
    report: RelabelReport,
) -> None:
    outcomes = annotate(crops.reviews, project_id, operations, lambda *_: "")  # each has a key
    for (where, _), count, outcome in zip(operations, counts, outcomes, strict=True):
        if outcome.error is None:
            report.done += count
        else:
            report.failures.append(f"{where}: {outcome.error}")


def _write(
    crops: CropsRoom, counted: CountedReview | None, task_id: int, labels: Mapping[str, str], config: LabelConfig
) -> dict[str, object] | None:
    """
    Return the operation that changes the review of a task; None where Label Studio has these labels already.

    Raises PayloadError, UpstreamError.
    """
    where = f"task {task_id}"
    if counted is None:
        raise PayloadError(where, "a review: open the task in Label Studio", "none")
    review = counted.review
    annotation = crops.studio.client.annotation(review.id)
    current = annotation.read(config, project_id=review.project_id)
    if current.task_id == task_id and _has_labels(current, labels):
        return None
    if (current.task_id, current.updated_at) != (task_id, review.updated_at):
        raise PayloadError(where, f"the review as of {review.updated_at:%Y-%m-%d %H:%M:%S}", "one changed since")
    result = relabel_result(annotation.result, labels, config, where)
    content = json.dumps([review.id, review.updated_at.isoformat(), sorted(labels.items())])
    key = f"relabel-{hashlib.sha256(content.encode()).hexdigest()[:40]}"
    return {"operation": "update", "annotation": review.id, "task": task_id, "result": result, "key": key}
