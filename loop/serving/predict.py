"""Predicts tasks: fetches their images, detects, and splits boxes into shown and held back."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from typing import Protocol, TypeVar

from loop.errors import DetectionFailed, ImageError
from loop.label_studio.classes import fit_classes
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.payloads import Task
from loop.regions import Box, Detection, LabelSource, Pixels, Region, mark_doubles
from loop.registry.loaded_version import LoadedVersion, Thresholds
from loop.serving.queue_order import NOTHING_KNOWN
from loop.vision.addresses import identify
from loop.vision.detector import Detector
from loop.vision.tiling.tiled_detector import detect_until

ALSO = "less sure: "  # before the labels that the detector also gave an object
LATE = "not predicted: the time for the answer was over; where a champion serves, a job predicts the open tasks"

R = TypeVar("R")


class ImageLoader(Protocol):
    """Loads the images of tasks."""

    def map(
        self, work: Callable[[Task, Pixels], R], tasks: Iterable[Task], *, at_once: int = 1
    ) -> Iterator[R | ImageError]:
        """Yield the result of *work* on the image of each task, in their order; a broken image gives its error."""


@dataclass(frozen=True, slots=True)
class _Detected:
    """The detections on an image, and its width and height in pixels."""

    detections: Sequence[Detection]
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """
    The suggestion for one task; a task whose image cannot be read has one too.

    *shown* are the shown boxes, *hidden* the held-back boxes, the doubles of shown boxes among them. *score* is given
    by `rank`. *unmapped* counts the detections whose class the label config lacks; *foreign* are these boxes, if the
    config has labels that no class of the version is. *image* is the identity of the image's address, *size* its width
    and height in pixels. Where the task could not be predicted, *error* has the reason and *size* is (0, 0); *is_late*:
    there was no time to try. *is_blind*: no class of the version is a label, so that nothing could be suggested by the
    detector alone.
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
    foreign: tuple[Region, ...] = ()
    error: str | None = None
    is_late: bool = False
    is_blind: bool = False

    @property
    def says_nothing(self) -> bool:
        """Whether nothing is known of the task: no box was suggested, because none could be."""
        return self.is_blind and not self.shown and not self.hidden

    def notes(self) -> dict[str, str]:
        """Return what the editor shows beside shown boxes, by their ids: labels by references, labels of doubles."""
        given = {region.id: [_describe(region.source)] for region in self.shown if region.source}
        doubles = {region_id: [note] for region_id, note in self._note_doubles().items()}
        return {key: "\n".join(given.get(key, []) + doubles.get(key, [])) for key in given | doubles}

    def _note_doubles(self) -> dict[str, str]:
        labels = {region.id: region.label for region in self.shown}
        doubles: dict[str, dict[str, str]] = {}
        for region in self.hidden:
            if region.double_of in labels and region.label != labels[region.double_of]:
                named = f"{region.label} {region.score or 0.0:.2f}"
                doubles.setdefault(region.double_of, {}).setdefault(region.label, named)
        return {region_id: f"{ALSO}{', '.join(named.values())}" for region_id, named in doubles.items()}


def _describe(source: LabelSource) -> str:
    return f"label by references {source.match:.2f}; detected as {source.class_name} {source.confidence:.2f}"


def predict(
    tasks: Sequence[Task],
    config: LabelConfig,
    served: LoadedVersion,
    images: ImageLoader,
    deadline: float = math.inf,
) -> Iterator[Suggestion]:
    """
    Yield one suggestion for each task, in their order; a broken image affects only its own task.

    Tasks on which detection has not begun by the *deadline*, a moment of the monotonic clock, have empty suggestions.
    Without a detector all are empty. Raises DetectorBroken where it detects on no image any more.
    """
    limits = served.thresholds.under(config)
    if served.detector is None:
        yield from (_make_empty(task, served.version, limits.display, error=served.error) for task in tasks)
        return
    names = config.label_map(served.detector.class_names)
    lacks = bool(fit_classes(config, served.detector.class_names).labels)
    detect, begun = partial(_detect, served.detector, limits.floor, deadline), 0
    in_time = takewhile(lambda _: time.monotonic() < deadline, tasks)
    for task, result in zip(tasks, images.map(detect, in_time, at_once=served.detector.at_once), strict=False):
        begun += 1
        if isinstance(result, _Detected):
            suggestion = _make_suggestion(task, served.version, result, names, config, limits)
            yield (
                replace(suggestion, foreign=_make_foreign(suggestion, result.detections, names))
                if lacks
                else suggestion
            )
        elif result is None:
            yield _make_late(task, served.version, limits.display)
        else:
            yield _make_empty(task, served.version, limits.display, error=str(result))
    for task in tasks[begun:]:
        yield _make_late(task, served.version, limits.display)


def _detect(
    detector: Detector, floor: float, deadline: float, _: Task, image: Pixels
) -> _Detected | DetectionFailed | None:
    """Return the detections on one image, or the error of the detector on it; None after the *deadline*."""
    if time.monotonic() >= deadline:
        return None
    try:
        detections = detect_until(deadline, detector, image, floor)
    except DetectionFailed as error:
        return error
    return None if detections is None else _Detected(detections, (image.shape[1], image.shape[0]))


def suggest_nothing(task_id: int, version: str, threshold: float, error: str) -> Suggestion:
    """Return the empty suggestion for a task that could not be read."""
    return _make_empty(Task(task_id, ""), version, threshold, error=error)


def _make_empty(task: Task, version: str, threshold: float, error: str | None = None) -> Suggestion:
    return Suggestion(task.id, version, (), (), threshold, NOTHING_KNOWN, identify(task.image), error=error)


def _make_late(task: Task, version: str, threshold: float) -> Suggestion:
    return replace(_make_empty(task, version, threshold, error=LATE), is_late=True)


def _make_suggestion(
    task: Task,
    version: str,
    detected: _Detected,
    names: dict[str, str],
    config: LabelConfig,
    limits: Thresholds,
) -> Suggestion:
    regions = _make_regions(version, task.id, detected.detections, names)
    suggestion = Suggestion(
        task_id=task.id,
        version=version,
        shown=tuple(region for region in regions if (region.score or 0.0) >= limits.display),
        hidden=tuple(region for region in regions if (region.score or 0.0) < limits.display),
        threshold=limits.display,
        score=NOTHING_KNOWN,
        image=identify(task.image),
        size=detected.size,
        unmapped=sum(detection.class_name not in names for detection in detected.detections),
        is_blind=not names,
    )
    return hold_doubles_back(suggestion, config)


def hold_doubles_back(suggestion: Suggestion, config: LabelConfig) -> Suggestion:
    """Hold back each shown box that shows the object of a surer one; a box held back so before may be shown again."""
    before = [replace(region, double_of="") for region in suggestion.hidden if region.double_of]
    marked = mark_doubles([*suggestion.shown, *before], config.kind_of)
    doubles = (region for region in marked if region.double_of)
    return replace(
        suggestion,
        shown=tuple(region for region in marked if not region.double_of),
        hidden=(*doubles, *(region for region in suggestion.hidden if not region.double_of)),
    )


def _make_foreign(
    suggestion: Suggestion, detections: Sequence[Detection], names: Mapping[str, str]
) -> tuple[Region, ...]:
    """Return the detections of classes that the label config lacks, with the names of the classes as their labels."""
    foreign = [detection for detection in detections if detection.class_name not in names]
    own_names = {detection.class_name: detection.class_name for detection in foreign}
    return tuple(_make_regions(suggestion.version, suggestion.task_id, foreign, own_names))


def _make_regions(version: str, task_id: int, detections: Sequence[Detection], names: dict[str, str]) -> list[Region]:
    """
    Return the regions of detections of known classes, each with an id made of its content.

    The same prediction always has the same ids, and regions of two predictions share an id only where they are the
    same. Regions with the same label and box are numbered, and the number is part of the content.
    """
    regions: list[Region] = []
    times: Counter[tuple[str, Box]] = Counter()
    for detection in detections:
        if detection.class_name in names and _has_extent(detection.box):
            box, label = detection.box, names[detection.class_name]
            content = region_id(version, task_id, label, box, times[label, box])
            regions.append(Region(content, box, label, detection.confidence))
            times[label, box] += 1
    return regions


def region_id(version: str, task_id: int, label: str, box: Box, number: int = 0) -> str:
    """Return the id of a predicted region, made of its content."""
    content = json.dumps([version, task_id, label, *box.sides, number])
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _has_extent(box: Box) -> bool:
    return box.x1 > box.x0 and box.y1 > box.y0
