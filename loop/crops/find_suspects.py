"""Looks for reviewed boxes that may be wrong: by their neighbours, and by the detections of the champion."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from loop.crops.room import CropsRoom
from loop.crops.suspect_store import SuspectList
from loop.crops.suspicion import (
    ReviewedImage,
    SuspectBox,
    SuspectKind,
    SuspicionPolicy,
    find_misplaced,
    find_overlooked,
    has_unfound,
)
from loop.errors import LoopError, MilvusDown
from loop.label_studio.classes import name_today
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.payloads import Task
from loop.references.check import find_swapped
from loop.references.entries import CollectionKind
from loop.references.plan import find_source
from loop.regions import Region
from loop.registry.loaded_version import LoadedVersion
from loop.reviews.review_store import CountedReview
from loop.reviews.standing import TASK
from loop.reviews.verdicts import Decision
from loop.serving.predict import predict
from loop.storage.queries import chunked

log = logging.getLogger(__name__)
POLICY = SuspicionPolicy()
MOST = 2000  # boxes of each kind that are recorded
PAGE = 200  # tasks that are compared at a time


def look(crops: CropsRoom, project_id: int) -> str:
    """
    Look at all reviews of a project, and record the boxes that may be wrong; return a line about them.

    A part that cannot be looked at is named, and the others are: Milvus is down, or no version serves.
    """
    began, left_out = datetime.now(UTC), list[str]()  # a review that comes meanwhile may be looked at or not
    swapped = _find_swapped(crops, project_id, left_out)
    version, images = "", list[ReviewedImage]()
    try:
        version, images = _compare(crops, project_id, left_out)
    except LoopError as error:
        left_out.append(f"overlooked and misplaced boxes: {error}")
    suspects = [*swapped[:MOST], *find_overlooked(images, POLICY)[:MOST], *find_misplaced(images, POLICY)[:MOST]]
    found = SuspectList(version, len(images), tuple(suspects), began, tuple(left_out))
    crops.suspects.replace(project_id, found)
    return describe(found)


def describe(found: SuspectList) -> str:
    """Return one line about a list."""
    counts = ", ".join(f"{len(found.of_kind(kind))} {kind.value}" for kind in SuspectKind)
    compared = f"{found.images} images compared with {found.version}" if found.version else "no version to compare with"
    return "; ".join([f"{counts}; {compared}", *found.left_out])


def _find_swapped(crops: CropsRoom, project_id: int, left_out: list[str]) -> list[SuspectBox]:
    source = find_source(crops.references, project_id)
    if source is None:
        left_out.append("swapped labels: there are no vectors (LOOP_EMBEDDER=none, or no weights yet)")
        return []
    try:
        suspected = find_swapped(crops.references, project_id)
    except MilvusDown as error:
        left_out.append(f"swapped labels: {error}")
        return []
    keys = [suspect.entry.key for suspect in suspected]
    rows = crops.references.vectors.of_keys(project_id, source.space, CollectionKind.REFERENCES, keys)
    return [
        SuspectBox(
            SuspectKind.SWAPPED,
            suspect.entry.task,
            row.wanted.image,
            Region(suspect.entry.region, row.wanted.box, suspect.entry.label, suspect.entry.score or None),
            round(suspect.share, 4),
            suspect.suggested,
        )
        for suspect in suspected
        if (row := rows.get(suspect.entry.key))
    ]


def _compare(crops: CropsRoom, project_id: int, left_out: list[str]) -> tuple[str, list[ReviewedImage]]:
    """Return the version that serves, and each reviewed image with the version's detections."""
    champion = crops.registry.versions.champion(project_id)
    if champion is None:
        left_out.append("overlooked and misplaced boxes: no version serves yet")
        return "", []
    project = crops.studio.projects.get(project_id)
    config = project.config()
    served: LoadedVersion | None = None
    images, broken = list[ReviewedImage](), 0
    for task_ids in chunked(sorted(crops.reviews.store.standing(project_id, TASK)), PAGE):
        counted = crops.reviews.store.find_counted(project_id, task_ids)
        known = _read_detected(crops, project_id, champion.name, counted, config)
        missing = [task_id for task_id in counted if task_id not in known and counted[task_id].image(config.image_key)]
        if missing and served is None:
            served = crops.registry.load(champion)
        if missing and served is not None:
            known |= dict(_detect(crops, served, config, {task_id: counted[task_id] for task_id in missing}))
        broken += sum(task_id not in known for task_id in missing)
        images += _join(crops, project_id, counted, known, config)
        log.info("project %d: %d reviewed images compared with %s", project_id, len(images), champion.name)
    if broken:
        left_out.append(f"{broken} images could not be read")
    return champion.name, images


def _read_detected(
    crops: CropsRoom, project_id: int, version: str, counted: dict[int, CountedReview], config: LabelConfig
) -> dict[int, tuple[Region, ...]]:
    """Return the boxes that the log has of a version, by task, where the task still shows that image."""
    logged = crops.predictions.newest(project_id, counted, version=version)
    return {
        task_id: (*prediction.regions, *prediction.candidates)
        for task_id, prediction in logged.items()
        if prediction.image == counted[task_id].image(config.image_key)
    }


def _detect(
    crops: CropsRoom, served: LoadedVersion, config: LabelConfig, counted: dict[int, CountedReview]
) -> Iterator[tuple[int, tuple[Region, ...]]]:
    """Yield the boxes of the version on reviewed images that it has not predicted; nothing is logged."""
    tasks = [Task(task_id, review.image(config.image_key) or "") for task_id, review in counted.items()]
    for suggestion in predict(tasks, config, served, crops.vision.images):
        if suggestion.error is None:
            yield suggestion.task_id, (*suggestion.shown, *suggestion.hidden)


def _join(
    crops: CropsRoom,
    project_id: int,
    counted: dict[int, CountedReview],
    detected: dict[int, tuple[Region, ...]],
    config: LabelConfig,
) -> Iterator[ReviewedImage]:
    """Yield the facts on each image, with the labels of today; other versions are looked up where this one misses."""
    judged = crops.references.task_states.read_judged(project_id, detected)
    for task_id, regions in detected.items():
        image = counted[task_id].image(config.image_key) or ""
        rejected = tuple(
            verdict.predicted
            for verdict in judged.get(task_id, ())
            if verdict.decision == Decision.FALSE_POSITIVE and verdict.image == image and verdict.predicted
        )
        boxes = (counted[task_id].review.regions, regions, rejected)
        reviewed, found, deleted = (_name_today(each, config) for each in boxes)
        whole = ReviewedImage(task_id, image, reviewed, found, rejected=deleted)
        if has_unfound(whole, POLICY):
            whole = replace(whole, found=_read_others(crops, project_id, task_id, image))
        yield whole


def _name_today(regions: Sequence[Region], config: LabelConfig) -> tuple[Region, ...]:
    names = name_today(config, (region.label for region in regions))
    return tuple(replace(region, label=names[region.label]) for region in regions)


def _read_others(crops: CropsRoom, project_id: int, task_id: int, image: str) -> tuple[Region, ...]:
    predictions = crops.predictions.of_task(project_id, task_id)
    return tuple(region for prediction in predictions if prediction.image == image for region in prediction.boxes)


def list_tasks(suspects: Sequence[SuspectBox]) -> list[int]:
    """Return the tasks of boxes, each once, in their order."""
    return list(dict.fromkeys(suspect.task_id for suspect in suspects))
