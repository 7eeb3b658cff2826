"""A review in bulk to Label Studio's form: regions with origins, and their parent prediction. Pure."""

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
    keep_others,
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
class ReviewContext:
    """
    The state that the regions of a review can refer to.

    *predictions* are the task's predictions in Label Studio, *logged* the regions of all predictions that were served.
    *existing* is the result of the annotation to be updated, with the *origins* of its regions by region id. *size* is
    the width and height of the image in pixels, None if Label Studio does not know it.
    """

    task_id: int
    predictions: tuple[ReadPrediction, ...] = ()
    logged: tuple[Region, ...] = ()
    existing: object = ()
    origins: Mapping[str, str] = field(default_factory=dict)
    size: tuple[int, int] | None = None

    def list_predicted(self) -> dict[str, Region]:
        """Return all predicted regions by id, in Label Studio's state if it stores them."""
        stored = [region for prediction in self.predictions for region in prediction.regions]
        return {region.id: region for region in (*self.logged, *stored) if region.id}


@dataclass(frozen=True, slots=True)
class WrittenReview:
    """A review in Label Studio's form; most of its region ids come from *parent_prediction*."""

    result: list[dict[str, Any]]
    parent_prediction: int | None


def unique_id(project_id: int, key: str) -> str:
    """Return the `unique_id` of the annotation for a key: Label Studio accepts each value once."""
    return str(uuid.uuid5(NAMESPACE, f"{project_id}:{key}"))


def read_context(
    task: StoredTask, logged: Iterable[Sequence[Region]], config: LabelConfig, existing: object = ()
) -> ReviewContext:
    """Read the context from a task in Label Studio, its *logged* predictions, and the result of an annotation."""
    return ReviewContext(
        task_id=task.id,
        predictions=tuple(_read_all(task.predictions, task.id, config)),
        logged=tuple(region for regions in logged for region in regions),
        existing=existing,
        origins=read_origins(existing),
        size=image_size(existing) or task.image_size(),
    )


def write(
    operation: Create | Update, context: ReviewContext, config: LabelConfig, *, where: str, seed: str
) -> WrittenReview:
    """
    Write a review as the editor does: each region has an origin, which is predicted, changed, or drawn.

    Plain regions take the place of our regions only: choices, texts and other shapes of the annotation stay.
    Without origins the annotation looks like one that nobody has seen. The ids of new regions depend on *seed* and
    index only, so an operation done twice writes the same. Raises PayloadError for an unknown region id.
    """
    size = tuple(operation.size) if operation.size else context.size
    if operation.result is not None:
        raws = add_ids(operation.result, [_new_id(seed, index) for index in range(len(operation.result))])
        origins = [
            _origin_of_raw(raw, region_id, context, config)
            for raw, region_id in zip(raws, region_ids(raws), strict=True)
        ]
        result = add_origins(raws, origins)
    else:
        result = _write_plain(operation, context, config, where, seed, (size[0], size[1]) if size else (0, 0))
    return WrittenReview(result, _parent(set(region_ids(result)), context.predictions))


def needs_size(operation: Create | Update, context: ReviewContext) -> bool:
    """Whether the size must be read from the image itself."""
    return bool(operation.regions) and operation.size is None and context.size is None


def _write_plain(
    operation: Create | Update,
    context: ReviewContext,
    config: LabelConfig,
    where: str,
    seed: str,
    size: tuple[int, int],
) -> list[dict[str, Any]]:
    predicted = context.list_predicted()
    regions, origins = list[Region](), list[str]()
    for index, plain in enumerate(operation.regions or []):
        region, where_id = _read_region(plain, config), f"{where}.regions[{index}].id"
        if region.id and region.id not in predicted and region.id not in context.origins:
            raise PayloadError(where_id, f"the id of a predicted region of task {context.task_id}", region.id)
        if region.id and any(region.id == other.id for other in regions):
            raise PayloadError(where_id, "each id once", region.id)
        original = predicted.get(region.id)
        origins.append(_origin(region, original) if original else context.origins.get(region.id, MANUAL))
        score = original.score if original else None
        regions.append(replace(region, id=region.id or _new_id(seed, index), score=score))
    others = keep_others(context.existing, config, [region.id for region in regions])
    return [*others, *add_origins(write_result(regions, config, size), origins)]


def _read_region(plain: PlainRegion, config: LabelConfig) -> Region:
    """Return the region with the value of its label, which may be given by alias."""
    region = plain.region()
    return replace(region, label=config.label_of(config.from_name, region.label) or region.label)


def _origin(region: Region, predicted: Region) -> str:
    is_same = region.label == predicted.label and region.rotation == predicted.rotation
    is_same = is_same and region.box.is_close_to(predicted.box, JudgePolicy().same_place)
    return "prediction" if is_same else "prediction-changed"


def _origin_of_raw(raw: Mapping[str, Any], region_id: str, context: ReviewContext, config: LabelConfig) -> str:
    predicted, region = context.list_predicted().get(region_id), read_rectangle(raw, config)
    if predicted is None or region is None:
        return context.origins.get(region_id, MANUAL)
    return _origin(region, predicted)


def _parent(ids: set[str], predictions: Sequence[ReadPrediction]) -> int | None:
    """Return the prediction that shares most of the ids, the newest of equals; None if none shares any."""
    shared = [
        (sum(region.id in ids for region in prediction.regions), prediction.created_at, prediction.id)
        for prediction in predictions
    ]
    most = max(shared, default=None)
    return most[2] if most and most[0] else None


def _new_id(seed: str, index: int) -> str:
    return hashlib.sha256(f"{seed}:{index}".encode()).hexdigest()[:10]


def _read_all(predictions: Iterable[StoredPrediction], task_id: int, config: LabelConfig) -> Iterable[ReadPrediction]:
    """Read the predictions; those of other programs may hold anything, and are left out if they cannot be read."""
    for prediction in predictions:
        with suppress(PayloadError):
            yield prediction.read(config, task_id=task_id)
