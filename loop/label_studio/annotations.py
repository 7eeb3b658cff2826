"""Annotations as Label Studio has them, and the origins of their regions. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from loop.errors import PayloadError
from loop.label_studio.label_config import BOXES, LabelConfig
from loop.label_studio.payloads import Review, read_review
from loop.label_studio.result_format import NO_SHAPES, read_result
from loop.label_studio.shapes import NoBox, outline
from loop.regions import Box, Region
from loop.storage.storable import is_id

Json = Mapping[str, Any]
MANUAL = "manual"  # origin of a region that a person drew


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation; its content is read on demand."""

    _json: object

    @property
    def id(self) -> int | None:
        """Its id; None if it has no readable id."""
        return readable_id(self._fields, "id")

    @property
    def task_id(self) -> int | None:
        """The id of its task, if it has a readable one."""
        return readable_id(self._fields, "task")

    @property
    def project_id(self) -> int | None:
        """The id of its project, if it has a readable one."""
        return readable_id(self._fields, "project")

    @property
    def unique_id(self) -> object:
        """Its `unique_id`, which only exports have."""
        return self._fields.get("unique_id")

    @property
    def import_id(self) -> object:
        """Its id before it was imported, IMPORT_MARK or ACCEPT_MARK."""
        return self._fields.get("import_id")

    @property
    def result(self) -> object:
        """Its regions in Label Studio's form."""
        return self._fields.get("result")

    @property
    def is_timed(self) -> bool:
        """Whether it has a lead time."""
        return self._fields.get("lead_time") is not None

    @property
    def is_object(self) -> bool:
        """Whether it is a JSON object at all."""
        return isinstance(self._json, Mapping)

    @property
    def is_skipped(self) -> bool:
        """Whether the reviewer skipped the task."""
        return bool(self._fields.get("was_cancelled"))

    def read(
        self,
        config: LabelConfig,
        *,
        project_id: object = None,
        task_id: object = None,
        annotation_id: int | None = None,
    ) -> Review:
        """Read it as a review, see `read_review`. Raises PayloadError."""
        return read_review(self._json, config, project_id=project_id, task_id=task_id, annotation_id=annotation_id)

    @property
    def _fields(self) -> Json:
        return self._json if isinstance(self._json, Mapping) else {}


class AnnotationChanges(TypedDict, total=False):
    """Fields of an annotation to write."""

    result: list[dict[str, Any]]
    unique_id: str
    parent_prediction: int | None
    lead_time: float | None
    is_skipped: bool
    import_id: int
    annotator: int


@dataclass(frozen=True, slots=True)
class RawRectangle:
    """A rectangle in Label Studio's form: its *labels*, which may be anything, and the upright box around it."""

    value: object
    labels: Sequence[object]
    box: Box
    is_turned: bool


def write_annotation(fields: AnnotationChanges) -> dict[str, Any]:
    """Write fields of an annotation as the API takes them."""
    names = {"is_skipped": "was_cancelled", "annotator": "completed_by"}
    return {names.get(name, name): value for name, value in fields.items()}


def read_origins(result: object) -> dict[str, str]:
    """Return the origin of each region of a result by the region's id: `manual`, `prediction` and so on."""
    return {str(item.get("id")): str(item.get("origin") or MANUAL) for item in objects(result)}


def has_origins(result: object) -> bool:
    """Whether any region of a result has an origin, as those that somebody saw in the editor do."""
    return any(item.get("origin") for item in objects(result))


def add_ids(result: Sequence[Json], ids: Sequence[str]) -> list[dict[str, Any]]:
    """Give each region of a result that has no id the one at its place in *ids*."""
    return [{"id": region_id, **item} for item, region_id in zip(result, ids, strict=True)]


def add_origins(result: Sequence[Json], origins: Sequence[str]) -> list[dict[str, Any]]:
    """Give each region of a result that has no origin the one at its place in *origins*."""
    return [{"origin": origin, **item} for item, origin in zip(result, origins, strict=True)]


def region_ids(result: Sequence[Json]) -> list[str]:
    """Return the ids of the regions of a result."""
    return [str(item.get("id")) for item in result]


def relabel(result: object, labels: Mapping[str, str], config: LabelConfig, where: str) -> list[dict[str, Any]]:
    """
    Give rectangles of a result other labels, by region id; all else of it stays as it is.

    A region of a prediction counts as changed, as in the editor. Raises PayloadError if one of the regions is no
    rectangle of ours any more, or has several labels.
    """
    changed, items = set[str](), list[dict[str, Any]]()
    for item in objects(result):
        region = read_rectangle(item, config)
        label = labels.get(str(item.get("id"))) if region else None
        if label is not None:
            named = {key for key in item["value"] if key.endswith("labels")}
            if str(item["id"]) in changed or any(_is_several(item["value"][key]) for key in named):
                raise PayloadError(f"{where} rectangle {item['id']}", "one label: change it in Label Studio", "several")
            changed.add(str(item["id"]))
            value = {key: part for key, part in item["value"].items() if key not in named}
            control, text = config.write_label(label)
            origin = "prediction-changed" if item.get("origin") == "prediction" else item.get("origin") or MANUAL
            item = {**item, "from_name": control, "origin": origin, "value": {**value, BOXES: [text]}}  # noqa: PLW2901
        items.append(dict(item))
    if lost := sorted(labels.keys() - changed):
        raise PayloadError(where, f"a rectangle with the id {lost[0]}", "none in the annotation as it is now")
    return items


def _is_several(labels: object) -> bool:
    return isinstance(labels, list) and len(labels) > 1


def keep_others(result: object, config: LabelConfig, ids: Collection[str]) -> list[dict[str, Any]]:
    """
    Return what stays of a result if our regions in it are replaced by regions with these *ids*.

    These are the shapes that are none of our regions, such as those on another image, and the choices and texts of the
    whole image, of such a shape, or of a region that still has its id.
    """
    items = objects(result)
    ours = {region.id for region in read_result(items, config, "annotation").regions}
    gone = {"", *ours} - {*ids}
    return [dict(item) for item in items if _is_other(item, config, ours, gone)]


def _is_other(item: Json, config: LabelConfig, ours: Collection[str], gone: Collection[str]) -> bool:
    if item.get("type") in NO_SHAPES:
        return not any(str(item.get(key)) in gone for key in ("id", "from_id", "to_id"))
    reading = read_result([item], config, "annotation")
    return str(item.get("id")) not in ours and not reading.regions and not reading.unread


def read_rectangle(item: Json, config: LabelConfig) -> Region | None:
    """Read a region that is a rectangle of ours; None for any other."""
    regions = read_result([item], config, "operation").regions if item.get("type") == BOXES else ()
    return regions[0] if regions else None


def check_rectangle(item: Json, config: LabelConfig, where: str) -> RawRectangle | None:
    """
    Check the control, the image and the place of a rectangle; None for a region of another kind.

    Raises PayloadError that names the field below *where*.
    """
    if item.get("type") != BOXES:
        return None
    for key, expected in (("from_name", config.own), ("to_name", (config.to_name,))):
        if item.get(key) not in expected:
            raise PayloadError(f"{where}.{key}", " or ".join(expected), item.get(key))
    value = item.get("value")
    try:
        shape = outline(item, where)
    except NoBox as error:
        raise PayloadError(f"{where}.value", "a rectangle", value) from error
    labels = value.get(BOXES) if isinstance(value, Mapping) else None
    labels = labels if isinstance(labels, list) and labels else [labels]
    return RawRectangle(value, labels, shape.box, is_turned=bool(shape.rotation))


def image_size(result: object) -> tuple[int, int] | None:
    """Return width and height of the image in pixels, as the first region with a size tells; None if none does."""
    for item in objects(result):
        width, height = item.get("original_width"), item.get("original_height")
        if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
            return int(width), int(height)
    return None


def objects(value: object) -> list[Json]:
    """Return the JSON objects of a list; empty for anything else."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def readable_id(json: Json, key: str) -> int | None:
    """Return the id under a key; None if it is no id."""
    value = json.get(key)
    return value if is_id(value) else None
