"""A review that came in bulk as Label Studio keeps it: regions with origins, and the prediction they are of. Pure."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from loop.errors import PayloadError
from loop.label_studio.label_config import BOXES, LabelConfig
from loop.label_studio.payloads import StoredPrediction, read_prediction
from loop.label_studio.result_format import read_result, write_result
from loop.regions import Region
from loop.reviews.bulk.operations import Create, PlainRegion, Update
from loop.reviews.verdicts import JudgePolicy

Json = Mapping[str, Any]
NAMESPACE = uuid.UUID("6f0b9a2e-6f3c-5d0e-9d2a-3c1f5f0a7b11")


@dataclass(frozen=True, slots=True)
class Ground:
    """
    What a review can refer to.

    *predictions* are those that Label Studio stores for the task, *logged* the regions of all that was ever served for
    it, *existing* the result of the annotation that is updated. *size* is the image's width and height in pixels, None
    where nothing in Label Studio tells.
    """

    task_id: int
    predictions: tuple[StoredPrediction, ...] = ()
    logged: tuple[Region, ...] = ()
    existing: tuple[Json, ...] = ()
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


def ground(task: Json, logged: Iterable[Sequence[Region]], config: LabelConfig, existing: object = ()) -> Ground:
    """Read what a task as Label Studio has it, what was *logged* for it, and an annotation's result tell."""
    predictions, annotations = _objects(task.get("predictions")), _objects(task.get("annotations"))
    known = _objects(existing)
    return Ground(
        task_id=task["id"],
        predictions=tuple(_readable(predictions, task["id"], config)),
        logged=tuple(region for regions in logged for region in regions),
        existing=tuple(known),
        size=_size([*known, *(one for each in (*predictions, *annotations) for one in _objects(each.get("result")))]),
    )


def _objects(listed: object) -> list[Json]:
    """The JSON objects of a list; Label Studio keeps whatever others wrote."""
    return [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []


def write(operation: Create | Update, known: Ground, config: LabelConfig, *, where: str, seed: str) -> Written:
    """
    Write a review as the editor would: each region says whether it is predicted, changed, or drawn.

    Without these origins the same annotation could be one that nobody looked at. New regions get ids that follow from
    *seed*, so that the same operation writes the same. Raises PayloadError for an id that nothing has.
    """
    size = tuple(operation.size) if operation.size else known.size
    if operation.result is not None:
        raws = [{"id": _new_id(seed, index), **raw} for index, raw in enumerate(operation.result)]
        result = [{"origin": _origin_of_raw(raw, known, config), **raw} for raw in raws]
    else:
        result = _plain(operation, known, config, where, seed, (size[0], size[1]) if size else (0, 0))
    return Written(result, _parent({str(one["id"]) for one in result}, known.predictions))


def needs_size(operation: Create | Update, known: Ground) -> bool:
    """Whether the image itself must tell its size."""
    return bool(operation.regions) and operation.size is None and known.size is None


def _plain(
    operation: Create | Update, known: Ground, config: LabelConfig, where: str, seed: str, size: tuple[int, int]
) -> list[dict[str, Any]]:
    predicted = known.predicted()
    drawn = {str(one.get("id")): str(one.get("origin") or "manual") for one in known.existing}
    regions, origins = list[Region](), list[str]()
    for index, plain in enumerate(operation.regions or []):
        region, at = _region(plain, config), f"{where}.regions[{index}].id"
        if region.id and region.id not in predicted and region.id not in drawn:
            raise PayloadError(at, f"the id of a predicted region of task {known.task_id}", region.id)
        if region.id and any(region.id == other.id for other in regions):
            raise PayloadError(at, "each id once", region.id)
        found = predicted.get(region.id)
        origins.append(_origin(region, found) if found else drawn.get(region.id, "manual"))
        score = found.score if found else None
        regions.append(replace(region, id=region.id or _new_id(seed, index), score=score))
    written = write_result(regions, config, size)
    return [{**one, "origin": origin} for one, origin in zip(written, origins, strict=True)]


def _region(plain: PlainRegion, config: LabelConfig) -> Region:
    """The region by the label's value, which may have come as its alias."""
    region = plain.region()
    return replace(region, label=config.label_of(config.from_name, region.label) or region.label)


def _origin(region: Region, predicted: Region) -> str:
    is_same = region.label == predicted.label and region.rotation == predicted.rotation
    is_same = is_same and region.box.is_close_to(predicted.box, JudgePolicy().same_place)
    return "prediction" if is_same else "prediction-changed"


def _origin_of_raw(raw: Json, known: Ground, config: LabelConfig) -> str:
    predicted = known.predicted().get(str(raw.get("id")))
    drawn = {str(one.get("id")): str(one.get("origin") or "manual") for one in known.existing}
    regions = read_result([raw], config, "operation").regions
    if predicted is None or raw.get("type") != BOXES or not regions:
        return drawn.get(str(raw.get("id")), "manual")
    return _origin(regions[0], predicted)


def _parent(ids: set[str], predictions: Sequence[StoredPrediction]) -> int | None:
    """The prediction that most of the ids are of; of equals the newest."""
    shared = [(sum(region.id in ids for region in one.regions), one.created_at, one.id) for one in predictions]
    most = max(shared, default=None)
    return most[2] if most and most[0] else None


def _new_id(seed: str, index: int) -> str:
    return hashlib.sha256(f"{seed}:{index}".encode()).hexdigest()[:10]


def _readable(predictions: Iterable[Json], task_id: int, config: LabelConfig) -> Iterable[StoredPrediction]:
    """Predictions of others may hold anything; what cannot be read cannot be referred to."""
    for one in predictions:
        try:
            yield read_prediction(one, config, task_id=task_id)
        except PayloadError:
            continue


def _size(regions: Iterable[Json]) -> tuple[int, int] | None:
    for one in regions:
        size = (one.get("original_width"), one.get("original_height"))
        if all(isinstance(side, int) and side > 0 for side in size):
            return int(size[0] or 0), int(size[1] or 0)
    return None
