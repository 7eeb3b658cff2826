"""Reads tasks, annotations and predictions from Label Studio's JSON. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from loop.errors import PayloadError
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.result_format import Unread, read_result
from loop.label_studio.shapes import number
from loop.regions import Region
from loop.storage.storable import LONGEST_ADDRESS, is_id, is_text

Json = Mapping[str, Any]
LONGEST_ID = 20  # digits
LONGEST_TEXT = 1000  # characters of an annotation's unique id, or of the name of a version
LONGEST = 1e8  # seconds of a review: three years
RESULT_FIELDS = dict.fromkeys(  # the fields of a region that are read
    (
        *("id", "type", "from_name", "to_name", "item_index", "value", "origin", "score"),
        *("original_width", "original_height"),
    )
)
ANNOTATION_FIELDS = {  # the fields of an annotation that are read; None stands for the whole value
    **dict.fromkeys(("id", "unique_id", "project", "task", "created_at", "updated_at", "completed_by", "lead_time")),
    **dict.fromkeys(("was_cancelled", "ground_truth", "parent_prediction", "import_id", "updated_by")),
    "result": RESULT_FIELDS,
}
IMPORT_MARK = -1_819_242_352  # `import_id` of annotations that `loop import` made: exports have none below 1
ACCEPT_MARK = -1_819_242_353  # `import_id` of annotations that `loop accept` made
UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Task:
    """One task; *image* is the address of its image, as the task has it."""

    id: int
    image: str


@dataclass(frozen=True, slots=True)
class Review:
    """
    One annotation, completed or skipped, with the regions that the reviewer left.

    With an *unread* part there may be more regions: the review does not tell which objects are on the image.
    """

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
    is_unseen: bool = False  # made from a prediction by a bulk action or `loop accept`: nobody looked at it
    is_imported: bool = False  # made by `loop import`: nobody saw a prediction with it
    parent_prediction: int | None = None
    unread: tuple[Unread, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether it tells which objects are on the image: it is no skip, and somebody saw it."""
        return not self.is_skipped and (self.is_ground_truth or not self.is_unseen)

    @property
    def began_at(self) -> float:
        """
        When the reviewer first opened the task, in seconds since the epoch; infinite if unknown.

        The lead time is that of all edits together. Of a review that was edited, this is the latest time possible: all
        but the first lead time lies between its making and its last change.
        """
        if self.created_at == UNKNOWN:
            return math.inf
        made, changed, seconds = self.created_at.timestamp(), self.updated_at.timestamp(), self.lead_time or 0.0
        return max(made - seconds, min(made, changed - seconds))


@dataclass(frozen=True, slots=True)
class ReadPrediction:
    """One prediction with its regions; with an *unread* part it cannot be judged."""

    id: int
    task_id: int
    version: str
    regions: tuple[Region, ...]
    created_at: datetime
    score: float | None = None
    unread: tuple[Unread, ...] = ()


def read_task(json: object, image_key: str) -> Task:
    """Read a task. Raises PayloadError if it has no id, or no image under *image_key*."""
    if not isinstance(json, Mapping):
        raise PayloadError("task", "a JSON object", json)
    task_id = _id(json, "id", "task")
    data = json.get("data")
    image = data.get(image_key) if isinstance(data, Mapping) else None
    if not is_text(image) or not image.strip():
        raise PayloadError(f"task {task_id} data.{image_key}", "the address of an image", image)
    image = image.strip()
    if len(image) > LONGEST_ADDRESS and image[:5].lower() != "data:":
        raise PayloadError(f"task {task_id} data.{image_key}", f"at most {LONGEST_ADDRESS} characters", image)
    return Task(task_id, image)


def read_review(
    json: object,
    config: LabelConfig,
    *,
    project_id: object = None,
    task_id: object = None,
    annotation_id: int | None = None,
) -> Review:
    """
    Read an annotation of a webhook, the API or an export; ids given here replace missing ones.

    Its result may hold anything: parts that are not read are named. A lead time of unknown form is left out. Raises
    PayloadError for ids that are missing or out of range, for broken times and for broken text.
    """
    if not isinstance(json, Mapping):
        raise PayloadError("annotation", "a JSON object", json)
    annotation_id = _id(json, "id", "annotation", default=annotation_id)
    where = f"annotation {annotation_id}"
    reading = read_result(json.get("result"), config, where)
    return Review(
        id=annotation_id,
        unique_id=_text(json, "unique_id", where),
        project_id=_id(json, "project", where, default=project_id),
        task_id=_id(json, "task", where, default=task_id),
        regions=reading.regions,
        created_at=_instant(json, "created_at", where),
        updated_at=_instant(json, "updated_at", where),
        annotator=_read_annotator(json),
        lead_time=_seconds(json.get("lead_time")),
        is_skipped=bool(json.get("was_cancelled")),
        is_ground_truth=bool(json.get("ground_truth")),
        is_unseen=_is_unseen(json),
        is_imported=json.get("import_id") == IMPORT_MARK,
        parent_prediction=None if json.get("parent_prediction") is None else _id(json, "parent_prediction", where),
        unread=reading.unread,
    )


def read_prediction(
    json: Json, config: LabelConfig, *, task_id: object = None, prediction_id: int | None = None
) -> ReadPrediction:
    """Read a prediction of the API or an export; ids given here replace missing ones. Raises PayloadError."""
    prediction_id = _id(json, "id", "prediction", default=prediction_id)
    where = f"prediction {prediction_id}"
    reading = read_result(json.get("result"), config, where)
    return ReadPrediction(
        id=prediction_id,
        task_id=_id(json, "task", where, default=task_id),
        version=_text(json, "model_version", where),
        regions=reading.regions,
        created_at=_instant(json, "created_at", where),
        score=number(json.get("score")),
        unread=reading.unread,
    )


def project_id_of(project: object) -> int:
    """Read a project's id from `7`, `7.1795399212` (id and creation time), or an object with such an id."""
    text = project.get("id") if isinstance(project, Mapping) else project
    head = str(text).split(".", 1)[0] if isinstance(text, str | int | float) else ""
    project_id = int(head) if head.isascii() and head.isdigit() and len(head) < LONGEST_ID else 0
    if not is_id(project_id):
        raise PayloadError("project", "a project id", project)
    return project_id


def project_of(body: Json) -> int:
    """Read the id of the project that a request or an event names. Raises PayloadError."""
    return project_id_of(body.get("project"))


def _is_unseen(json: Json) -> bool:
    """
    Tell whether `loop accept` or Label Studio's bulk action “create annotations from predictions” made this annotation.

    The action only sets the parent prediction, which Label Studio takes away with the prediction; ours has a mark. The
    editor also sends the lead time and the origin of each region.
    """
    is_of_prediction = json.get("parent_prediction") is not None or json.get("import_id") == ACCEPT_MARK
    made_of_prediction = is_of_prediction and json.get("lead_time") is None
    result = json.get("result")
    regions = result if isinstance(result, Sequence) else ()
    return made_of_prediction and not any(isinstance(region, Mapping) and region.get("origin") for region in regions)


def _id(json: Json, key: str, where: str, *, default: object = None) -> int:
    value = json.get(key)
    value = default if value is None else value
    if not is_id(value):
        raise PayloadError(f"{where} {key}", "an id, an integer from 1 to 2^63 - 1", value)
    return value


def _text(json: Json, key: str, where: str) -> str:
    value = json.get(key) or ""
    if not is_text(value) or len(value) > LONGEST_TEXT:
        expected = f"at most {LONGEST_TEXT} characters without NUL and half surrogate pairs"
        raise PayloadError(f"{where} {key}", expected, value)
    return value


def _seconds(value: object) -> float | None:
    """Return the seconds that a review took; None if they are missing or impossible."""
    seconds = number(value)
    return seconds if seconds is not None and 0 <= seconds <= LONGEST else None


def _read_annotator(json: Json) -> int | None:
    """Read who annotated: of what `loop accept` made and somebody looked at since, who changed it last."""
    is_taken_over = json.get("import_id") == ACCEPT_MARK and not _is_unseen(json)
    changed_by = _person(json.get("updated_by")) if is_taken_over else None
    return changed_by or _person(json.get("completed_by"))


def _person(completed_by: object) -> int | None:
    """Return the id of a person: webhooks and exports have an id, the API with `fields=all` an object; else None."""
    if isinstance(completed_by, Mapping):
        completed_by = completed_by.get("id")
    return completed_by if is_id(completed_by) else None


def _instant(json: Json, key: str, where: str) -> datetime:
    """Read a time; a missing time is before all others."""
    if json.get(key) is None:
        return UNKNOWN
    try:
        instant = datetime.fromisoformat(str(json.get(key)))
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:  # in UTC it may be before the year 1 or after 9999
        raise PayloadError(f"{where} {key}", "a time in ISO 8601", json.get(key)) from error
