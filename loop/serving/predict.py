"""Predict tasks: fetch their images, detect, choose what is shown, and score how likely it needs no work."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from loop.errors import DetectionFailed, ImageError
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.payloads import Task
from loop.regions import Box, Detection, Pixels, Region
from loop.registry.served import Detects, Served, Thresholds
from loop.serving.priority import NOTHING_KNOWN, task_score
from loop.vision.addresses import identify

CHUNK = 16  # images in memory at a time


class Loads(Protocol):
    """What is asked of the images."""

    def load(self, tasks: Iterable[Task]) -> Iterator[Pixels | ImageError]:
        """Fetch and decode, in the order of the tasks."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """
    What is suggested for one task; never missing, whatever happened to its image.

    *shown* is the pre-annotation, *hidden* lay between floor and threshold. *unmapped* counts the detections whose
    class the label config lacks. *image* identifies the image by its address, *size* is its width and height in pixels,
    (0, 0) where *error* says why.
    """

    task_id: int
    version: str
    shown: tuple[Region, ...]
    hidden: tuple[Region, ...]
    threshold: float
    score: float
    image: str = ""
    size: tuple[int, int] = (0, 0)
    unmapped: int = 0
    error: str | None = None


def predict(tasks: Sequence[Task], config: LabelConfig, served: Served, images: Loads) -> Iterator[Suggestion]:
    """
    Yield one suggestion a task, in their order; a broken image costs only itself.

    Without a detector nothing is suggested. Raises DetectorBroken where it detects on no image any more.
    """
    limits = served.thresholds.under(config)
    if served.detector is None:
        yield from (_nothing(task, served.version, limits.display, error=served.error) for task in tasks)
        return
    names = config.label_map(served.detector.class_names)
    remaining = iter(tasks)
    while chunk := list(islice(remaining, CHUNK)):
        loaded = list(images.load(chunk))
        readable = [image for image in loaded if not isinstance(image, ImageError)]
        detected = iter(_detected(served.detector, readable, limits.floor))
        for task, image in zip(chunk, loaded, strict=True):
            if isinstance(image, ImageError):
                yield _nothing(task, served.version, limits.display, error=str(image))
                continue
            found = next(detected)
            if isinstance(found, DetectionFailed):
                yield _nothing(task, served.version, limits.display, error=str(found))
            else:
                yield _suggestion(task, served.version, found, names, limits, (image.shape[1], image.shape[0]))


def _detected(detector: Detects, images: Sequence[Pixels], floor: float) -> list[list[Detection] | DetectionFailed]:
    """What is on each image; where the detector fails on one, the others are detected on by themselves."""
    try:
        return [*detector.detect(images, floor)] if images else []
    except DetectionFailed as error:
        if len(images) == 1:
            return [error]
        return [found for image in images for found in _detected(detector, [image], floor)]


def unreadable(task_id: int, version: str, threshold: float, error: str) -> Suggestion:
    """The suggestion for a task that could not be read."""
    return _nothing(Task(task_id, ""), version, threshold, error=error)


def _nothing(task: Task, version: str, threshold: float, error: str | None = None) -> Suggestion:
    return Suggestion(task.id, version, (), (), threshold, NOTHING_KNOWN, identify(task.image), error=error)


def _suggestion(
    task: Task,
    version: str,
    found: Sequence[Detection],
    names: dict[str, str],
    limits: Thresholds,
    size: tuple[int, int],
) -> Suggestion:
    regions = _regions(version, task.id, found, names)
    return Suggestion(
        task_id=task.id,
        version=version,
        shown=tuple(region for region in regions if (region.score or 0.0) >= limits.display),
        hidden=tuple(region for region in regions if (region.score or 0.0) < limits.display),
        threshold=limits.display,
        score=task_score([region.score or 0.0 for region in regions], limits.display),
        image=identify(task.image),
        size=size,
        unmapped=sum(detection.class_name not in names for detection in found),
    )


def _regions(version: str, task_id: int, found: Sequence[Detection], names: dict[str, str]) -> list[Region]:
    """
    The regions of detections of known classes, each with an id that stands for its content.

    So the same answer always has the same ids, and regions of two answers share one only where they are the same. Of
    regions with the same label and box, the first has the id of the content, the others count on from it.
    """
    regions: list[Region] = []
    times: Counter[tuple[str, Box]] = Counter()
    for one in found:
        if one.class_name in names and _has_extent(one.box):
            label = names[one.class_name]
            region_id = _region_id(version, task_id, label, one.box, times[label, one.box])
            regions.append(Region(region_id, one.box, label, one.confidence))
            times[label, one.box] += 1
    return regions


def _region_id(version: str, task_id: int, label: str, box: Box, number: int) -> str:
    content = json.dumps([version, task_id, label, box.x0, box.y0, box.x1, box.y1, number])
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _has_extent(box: Box) -> bool:
    return box.x1 > box.x0 and box.y1 > box.y0
