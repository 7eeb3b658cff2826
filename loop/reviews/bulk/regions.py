"""A review that came in bulk as Label Studio keeps it: regions with origins, and the prediction they are of. Pure."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from loop.errors import PayloadError
from loop.label_studio.annotations import (
    MANUAL,
    add_ids,
    add_origins,
    image_size,
    read_origins,
    read_rectangle,
    region_ids,
)
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.payloads import ReadPrediction
from loop.label_studio.result_format import write_result
from loop.label_studio.tasks import StoredPrediction, StoredTask
from loop.regions import Region
from loop.reviews.bulk.operations import Create, PlainRegion, Update
from loop.reviews.verdicts import JudgePolicy

NAMESPACE = uuid.UUID("6f0b9a2e-6f3c-5d0e-9d2a-3c1f5f0a7b11")


@dataclass(frozen=True, slots=True)
class Ground:
    """
    What a review can refer to.

    *predictions* are those that Label Studio stores for the task, *logged* the regions of all that was ever served for
    it, *origins* those of the regions of the annotation that is updated, by their ids. *size* is the image's width and
    height in pixels, None where nothing in Label Studio tells.
    """

    task_id: int
    predictions: tuple[ReadPrediction, ...] = ()
    logged: tuple[Region, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)
    size: tuple[int, int] | None = None

    def predicted(self) -> dict[str, Region]:
        """Every predicted region by its id, as Label Studio stores it where it does."""
        stored = [region for prediction in self.predictions for region in prediction.regions]
        return {region.id: region for region in (*self.logged, *stored) if region.id}


@dataclass(frozen=True, slots=True)
class Written:
    """A review in Label Studio's form; *parent_prediction* is the stored prediction that the region ids are of."""

    result: list[dict[str, Any]]
    parent_prediction: int | None


def unique_id(project_id: int, key: str) -> str:
    """The `unique_id` of the annotation that a key makes: Label Studio takes each one once."""
    return str(uuid.uuid5(NAMESPACE, f"{project_id}:{key}"))


def ground(task: StoredTask, logged: Iterable[Sequence[Region]], config: LabelConfig, existing: object = ()) -> Ground:
    """Read what a task as Label Studio has it, what was *logged* for it, and an annotation's result tell."""
    return Ground(
        task_id=task.id,
        predictions=tuple(_read_all(task.predictions, task.id, config)),
        logged=tuple(region for regions in logged for region in regions),
        origins=read_origins(existing),
        size=image_size(existing) or task.image_size(),
    )


def write(operation: Create | Update, known: Ground, config: LabelConfig, *, where: str, seed: str) -> Written:
    """
    Write a review as the editor would: each region says whether it is predicted, changed, or drawn.

    Without these origins the same annotation could be one that nobody looked at. New regions get ids that follow from
    *seed*, so that the same operation writes the same. Raises PayloadError for an id that nothing has.
    """
    size = tuple(operation.size) if operation.size else known.size
    if operation.result is not None:
        raws = add_ids(operation.result, [_new_id(seed, index) for index in range(len(operation.result))])
        origins = [
            _origin_of_raw(raw, region_id, known, config) for raw, region_id in zip(raws, region_ids(raws), strict=True)
        ]
        result = add_origins(raws, origins)
    else:
        result = _plain(operation, known, config, where, seed, (size[0], size[1]) if size else (0, 0))
    return Written(result, _parent(set(region_ids(result)), known.predictions))


def needs_size(operation: Create | Update, known: Ground) -> bool:
    """Whether the image itself must tell its size."""
    return bool(operation.regions) and operation.size is None and known.size is None


def _plain(
    operation: Create | Update, known: Ground, config: LabelConfig, where: str, seed: str, size: tuple[int, int]
) -> list[dict[str, Any]]:
    predicted = known.predicted()
    regions, origins = list[Region](), list[str]()
    for index, plain in enumerate(operation.regions or []):
        region, at = _region(plain, config), f"{where}.regions[{index}].id"
        if region.id and region.id not in predicted and region.id not in known.origins:
            raise PayloadError(at, f"the id of a predicted region of task {known.task_id}", region.id)
        if region.id and any(region.id == other.id for other in regions):
            raise PayloadError(at, "each id once", region.id)
        found = predicted.get(region.id)
        origins.append(_origin(region, found) if found else known.origins.get(region.id, MANUAL))
        score = found.score if found else None
        regions.append(replace(region, id=region.id or _new_id(seed, index), score=score))
    return add_origins(write_result(regions, config, size), origins)


def _region(plain: PlainRegion, config: LabelConfig) -> Region:
    """The region by the label's value, which may have come as its alias."""
    region = plain.region()
    return replace(region, label=config.label_of(config.from_name, region.label) or region.label)


def _origin(region: Region, predicted: Region) -> str:
    is_same = region.label == predicted.label and region.rotation == predicted.rotation
    is_same = is_same and region.box.is_close_to(predicted.box, JudgePolicy().same_place)
    return "prediction" if is_same else "prediction-changed"


def _origin_of_raw(raw: Mapping[str, Any], region_id: str, known: Ground, config: LabelConfig) -> str:
    predicted, region = known.predicted().get(region_id), read_rectangle(raw, config)
    if predicted is None or region is None:
        return known.origins.get(region_id, MANUAL)
    return _origin(region, predicted)


def _parent(ids: set[str], predictions: Sequence[ReadPrediction]) -> int | None:
    """The prediction that most of the ids are of; of equals the newest."""
    shared = [(sum(region.id in ids for region in one.regions), one.created_at, one.id) for one in predictions]
    most = max(shared, default=None)
    return most[2] if most and most[0] else None


def _new_id(seed: str, index: int) -> str:
    return hashlib.sha256(f"{seed}:{index}".encode()).hexdigest()[:10]


def _read_all(predictions: Iterable[StoredPrediction], task_id: int, config: LabelConfig) -> Iterable[ReadPrediction]:
    """Read the predictions; those of other programs may hold anything, and are left out if they cannot be read."""
    for prediction in predictions:
        with suppress(PayloadError):
            yield prediction.read(config, task_id=task_id)
