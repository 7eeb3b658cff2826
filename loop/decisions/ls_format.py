"""Label Studio's JSON to our nouns and back; nothing else knows its keys. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from loop.decisions.label_config import LabelConfig
from loop.decisions.regions import Box, Region, enclosing
from loop.decisions.storable import is_id, is_text
from loop.errors import PayloadError

Json = Mapping[str, Any]
LONGEST_ID = 20  # digits
UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Task:
    """One task; *image* is the address as the task gives it."""

    id: int
    image: str


@dataclass(frozen=True, slots=True)
class Review:
    """One annotation, completed or skipped, with the regions the reviewer left."""

    id: int
    unique_id: str
    project_id: int
    task_id: int
    regions: tuple[Region, ...]
    created_at: datetime
    updated_at: datetime
    annotator: int | None = None
    lead_time: float | None = None  # seconds
    is_skipped: bool = False
    is_ground_truth: bool = False
    is_unseen: bool = False  # made of a prediction by a bulk action: nobody looked at it
    parent_prediction: int | None = None

    @property
    def is_complete(self) -> bool:
        """Whether it says what is on the image: not a skip, and seen by somebody."""
        return not self.is_skipped and (self.is_ground_truth or not self.is_unseen)

    @property
    def began_at(self) -> float:
        """When the reviewer opened the task, in seconds of the epoch; endless where it is not known."""
        if self.created_at == UNKNOWN:
            return math.inf
        return self.created_at.timestamp() - (self.lead_time or 0.0)


@dataclass(frozen=True, slots=True)
class StoredPrediction:
    """One prediction as Label Studio stores it."""

    id: int
    task_id: int
    version: str
    regions: tuple[Region, ...]
    created_at: datetime
    score: float | None = None


def tasks_with_ids(listed: object) -> list[dict[str, Any]]:
    """The tasks of a list that have a readable id; nothing can be done for what has none."""
    return [one for one in listed if isinstance(one, dict) and is_id(one.get("id"))] if isinstance(listed, list) else []


def predictions_of(task: Json, version: str) -> list[Json]:
    """The predictions of a version that Label Studio stores for a task, whatever others it stores."""
    known = task.get("predictions")
    listed = known if isinstance(known, list) else []
    return [one for one in listed if isinstance(one, Mapping) and one.get("model_version") == version]


def read_task(json: object, image_key: str) -> Task:
    """Read a task; PayloadError where it has no id or no image under *image_key*."""
    if not isinstance(json, Mapping):
        raise PayloadError("task", "a JSON object", json)
    task_id = _id(json, "id", "task")
    data = json.get("data")
    image = data.get(image_key) if isinstance(data, Mapping) else None
    if not is_text(image) or not image.strip():
        raise PayloadError(f"task {task_id} data.{image_key}", "the address of an image", image)
    return Task(task_id, image.strip())


def task_data(json: Json) -> Json:
    """The data of a task; nothing where there is none."""
    data = json.get("data")
    return data if isinstance(data, Mapping) else {}


def read_review(
    json: object, *, project_id: object = None, task_id: object = None, annotation_id: int | None = None
) -> Review:
    """
    Read an annotation as webhooks, the API and exports give it; ids given here stand in for missing ones.

    Raises PayloadError for whatever cannot be kept in the records as well: ids and times out of range, broken text.
    """
    if not isinstance(json, Mapping):
        raise PayloadError("annotation", "a JSON object", json)
    annotation_id = _id(json, "id", "annotation", default=annotation_id)
    where = f"annotation {annotation_id}"
    return Review(
        id=annotation_id,
        unique_id=_text(json, "unique_id", where),
        project_id=_id(json, "project", where, default=project_id),
        task_id=_id(json, "task", where, default=task_id),
        regions=read_regions(json.get("result") or [], where),
        created_at=_instant(json, "created_at", where),
        updated_at=_instant(json, "updated_at", where),
        annotator=_person(json.get("completed_by")),
        lead_time=_optional_number(json, "lead_time", where),
        is_skipped=bool(json.get("was_cancelled")),
        is_ground_truth=bool(json.get("ground_truth")),
        is_unseen=_is_unseen(json),
        parent_prediction=None if json.get("parent_prediction") is None else _id(json, "parent_prediction", where),
    )


def read_prediction(json: Json, *, task_id: object = None, prediction_id: int | None = None) -> StoredPrediction:
    """Read a prediction as the API and exports give it; ids given here stand in for missing ones."""
    prediction_id = _id(json, "id", "prediction", default=prediction_id)
    where = f"prediction {prediction_id}"
    return StoredPrediction(
        id=prediction_id,
        task_id=_id(json, "task", where, default=task_id),
        version=_text(json, "model_version", where),
        regions=read_regions(json.get("result") or [], where),
        created_at=_instant(json, "created_at", where),
        score=_optional_number(json, "score", where),
    )


def read_regions(result: object, where: str) -> tuple[Region, ...]:
    """Read the rectangle regions of a result; results of other controls are left out, rotated boxes enclosed."""
    if not isinstance(result, Sequence) or isinstance(result, str):
        raise PayloadError(f"{where} result", "a list of regions", result)
    return tuple(
        _region(region, f"{where} result[{index}]")
        for index, region in enumerate(result)
        if isinstance(region, Mapping) and region.get("type") == "rectanglelabels"
    )


def _region(json: Json, where: str) -> Region:
    value = json.get("value")
    if not isinstance(value, Mapping):
        raise PayloadError(f"{where}.value", "a rectangle", value)
    x, y, width, height = (_percent(value, key, where) for key in ("x", "y", "width", "height"))
    rotation = _number(value.get("rotation") or 0.0, f"{where}.value.rotation")
    box = Box(x, y, x + width, y + height)
    if rotation:
        box = enclosing(box, rotation, _aspect(json, where))
    labels = [str(label) for label in value.get("rectanglelabels") or [""]]
    score = json.get("score")
    return Region(
        id=str(json.get("id") or ""),
        box=box,
        label=labels[0],
        score=None if score is None else _number(score, f"{where}.score"),
        rotation=rotation,
        further_labels=tuple(labels[1:]),
    )


def write_result(regions: Sequence[Region], config: LabelConfig, size: tuple[int, int]) -> list[dict[str, Any]]:
    """Write regions as a result for *config*; *size* is the image's width and height in pixels."""
    return [
        {
            "id": region.id,
            "from_name": config.from_name,
            "to_name": config.to_name,
            "type": "rectanglelabels",
            "original_width": size[0],
            "original_height": size[1],
            "image_rotation": 0,
            "value": {
                "x": 100 * region.box.x0,
                "y": 100 * region.box.y0,
                "width": 100 * (region.box.x1 - region.box.x0),
                "height": 100 * (region.box.y1 - region.box.y0),
                "rotation": 0,
                "rectanglelabels": [region.label],
            },
            **({} if region.score is None else {"score": region.score}),
        }
        for region in regions
    ]


def project_id_of(project: object) -> int:
    """Read a project's id from `7`, `7.1795399212` (id and creation time), or an object that has such an id."""
    text = project.get("id") if isinstance(project, Mapping) else project
    head = str(text).split(".", 1)[0] if isinstance(text, str | int | float) else ""
    number = int(head) if head.isascii() and head.isdigit() and len(head) < LONGEST_ID else 0
    if not is_id(number):
        raise PayloadError("project", "a project id", project)
    return number


def _is_unseen(json: Json) -> bool:
    """
    Whether Label Studio's bulk action “create annotations from predictions” made this annotation.

    It sets the parent alone: the editor, where a person works, also sends the seconds and the origin of each region.
    """
    made_of_prediction = json.get("parent_prediction") is not None and json.get("lead_time") is None
    regions = json.get("result") or []
    return made_of_prediction and not any(isinstance(one, Mapping) and one.get("origin") for one in regions)


def _id(json: Json, key: str, where: str, *, default: object = None) -> int:
    value = json.get(key)
    value = default if value is None else value
    if not is_id(value):
        raise PayloadError(f"{where} {key}", "an id, an integer from 1 to 2^63 - 1", value)
    return value


def _text(json: Json, key: str, where: str) -> str:
    value = json.get(key) or ""
    if not is_text(value):
        raise PayloadError(f"{where} {key}", "text without NUL and half surrogate pairs", value)
    return value


def _optional_number(json: Json, key: str, where: str) -> float | None:
    value = json.get(key)
    return None if value is None else _number(value, f"{where} {key}")


def _percent(value: Json, key: str, where: str) -> float:
    return _number(value.get(key), f"{where}.value.{key}") / 100


def _number(value: object, where: str) -> float:
    try:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:  # an integer of hundreds of digits
        number = math.inf
    if not math.isfinite(number):
        raise PayloadError(where, "a finite number", value)
    return number


def _aspect(json: Json, where: str) -> float:
    width, height = (_number(json.get(f"original_{side}"), f"{where}.original_{side}") for side in ("width", "height"))
    if width <= 0 or height <= 0:
        raise PayloadError(where, "an image of at least one pixel for a rotated box", (width, height))
    return width / height


def _instant(json: Json, key: str, where: str) -> datetime:
    """Read a time; one that is not given was before all others."""
    if json.get(key) is None:
        return UNKNOWN
    try:
        instant = datetime.fromisoformat(str(json.get(key)))
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:  # in UTC it may be before the year 1 or after 9999
        raise PayloadError(f"{where} {key}", "a time in ISO 8601", json.get(key)) from error


def _person(completed_by: object) -> int | None:
    """Webhooks and exports give an id, the API with `fields=all` an object; anything else is nobody."""
    if isinstance(completed_by, Mapping):
        completed_by = completed_by.get("id")
    return completed_by if is_id(completed_by) else None
