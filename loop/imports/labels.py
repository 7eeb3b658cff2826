"""The labels of one image as regions of the project, and the log of those that are predictions."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from loop.errors import PayloadError
from loop.imports.foreign import SMALLEST, BoxNote, ForeignBox, ForeignImage, ShownSize, place
from loop.imports.outcome import ImageNote, ImportedImage, ImportPlan
from loop.label_studio.imports.tasks import IMPORTED, LabelKind
from loop.regions import Box, Region
from loop.serving.queue_order import task_score
from loop.serving.store import QUEUE, LoggedPrediction, PredictionLog
from loop.vision.addresses import identify


@dataclass(frozen=True, slots=True)
class ReadLabels:
    """The regions of an image, and the counted changes to its boxes."""

    regions: list[Region]
    notes: Counter[BoxNote]


def read_labels(image: ForeignImage, size: ShownSize, plan: ImportPlan, seed: str) -> ReadLabels | ImportedImage:
    """Return the labels of an image, or why it is left out; the ids of its regions follow from *seed*."""
    if image.unread and plan.kind is LabelKind.REVIEWS:
        return ImportedImage(image.name, ImageNote.UNREAD, image.unread[0])
    try:
        boxes, notes = place(image, size)
    except PayloadError as error:
        return ImportedImage(image.name, ImageNote.UNREAD, str(error))
    regions = _write_regions(boxes, plan.classes.label_of, seed)
    if plan.kind is LabelKind.REVIEWS:
        if (notes[BoxNote.EMPTY] or notes[BoxNote.CROWD]) and not regions:  # something was drawn: it is no background
            why = (
                "a crowd is on it, and no box"
                if notes[BoxNote.CROWD]
                else "none of its boxes has an extent on the image"
            )
            return ImportedImage(image.name, ImageNote.UNREAD, why)
        regions = [replace(region, score=None) for region in regions]
    notes[BoxNote.UNWANTED] += len(boxes) - len(regions)
    return ReadLabels(regions, +notes)


def log_predictions(log: PredictionLog, project_id: int, predicted: Mapping[int, tuple[str, Sequence[Region]]]) -> None:
    """Log imported predictions, by which reviews are judged: the address of the image and the regions, by task."""
    logged, now = log.newest(project_id, predicted, version=IMPORTED), datetime.now(UTC)
    log.append(
        [
            LoggedPrediction(
                project_id=project_id,
                task_id=task_id,
                version=IMPORTED,
                regions=tuple(regions),
                candidates=(),
                threshold=0.0,
                score=score_of(regions),
                stream=QUEUE,
                propensity=0.0,
                served_at=now,
                image=identify(address),
                execution="import",
            )
            for task_id, (address, regions) in predicted.items()
            if task_id not in logged
        ]
    )


def score_of(regions: Sequence[Region]) -> float:
    """Return the place of a task in the queue: by the confidences, where the dataset has them."""
    confidences = [region.score for region in regions]
    return task_score([score for score in confidences if score is not None], threshold=0.0)


def digest(regions: Sequence[Region]) -> str:
    """Return a digest of labels: the same for equal boxes in the same order."""
    content = [(region.label, *_round_sides(region.box), region.score) for region in regions]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def are_same(ours: Sequence[Region], theirs: Sequence[Region]) -> bool:
    """Tell whether regions have the same labels, confidences and, up to the rounding of percents, the same boxes."""
    return len(ours) == len(theirs) and all(
        (one.label, one.score) == (other.label, other.score) and one.box.is_close_to(other.box, SMALLEST)
        for one, other in zip(ours, theirs, strict=True)
    )


def _round_sides(box: Box) -> list[float]:
    return [round(side, 6) for side in box.sides]


def _write_regions(boxes: Sequence[ForeignBox], label_of: Mapping[str, str], seed: str) -> list[Region]:
    """Return the boxes whose class has a label as regions; their ids follow from the image and their place alone."""
    seeds = (f"{seed}:{place}" for place in range(len(boxes)))
    ids = (hashlib.sha256(seed.encode()).hexdigest()[:10] for seed in seeds)
    return [
        Region(name, box.box, label_of[box.label], box.score)
        for name, box in zip(ids, boxes, strict=True)
        if label_of[box.label]
    ]
