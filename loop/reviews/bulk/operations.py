"""JSON to operations of reviews in bulk, each checked by itself. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from loop.errors import PayloadError
from loop.label_studio.annotations import check_rectangle
from loop.label_studio.label_config import BOXES, LabelConfig
from loop.regions import Box, Region
from loop.storage.storable import is_text
from loop.validation import as_payload_error

MOST_OPERATIONS = 1000  # per request
MOST_REGIONS = 1000  # per operation
MOST_BYTES = 1_000_000  # of a result, as JSON
EDGE = 1e-6  # fractions of the image: a box that sticks out by more is an error, by less it is clipped

Model = TypeVar("Model", bound=BaseModel)
Id = Annotated[int, Field(ge=1, le=2**31 - 1)]  # the range of Label Studio's columns
Fraction = Annotated[float, Field(description="of the image; 0 is its left or top edge, 1 its right or bottom edge")]


def _check_text(text: str) -> str:
    if not is_text(text):
        raise ValueError("text without NUL and half surrogate pairs")
    return text


StoredText = Annotated[str, AfterValidator(_check_text)]


class Strict(BaseModel):
    """Strict JSON: no unknown fields, no text for numbers, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Percent(Strict):
    """An upright box in percent of the image, as Label Studio's `value` has it."""

    x: float
    y: float
    width: float
    height: float


class PlainRegion(Strict):
    """One box with its label. With the id of a predicted region it confirms or corrects it; without id it is new."""

    label: Annotated[str, Field(min_length=1, description="a label of the project's label config")]
    box: Annotated[
        list[Fraction] | None, Field(min_length=4, max_length=4, description="x0, y0, x1, y1 in fractions of the image")
    ] = None
    percent: Annotated[Percent | None, Field(description="instead of `box`")] = None
    id: Annotated[
        str | None, Field(min_length=1, max_length=100, description="of a predicted region, or of one being updated")
    ] = None

    @field_validator("box")
    @classmethod
    def _check_box(cls, box: list[float] | None) -> list[float] | None:
        return box if box is None else _check_sides(box, unit="fractions of the image")

    @field_validator("percent")
    @classmethod
    def _check_percent(cls, percent: Percent | None) -> Percent | None:
        if percent is not None:
            _check_sides(_fractions(percent), unit="percent of the image")
        return percent

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        return _with_one_of(self, "box", "percent")

    def region(self) -> Region:
        """Return the region, clipped to the image; without an id its id is empty."""
        sides = self.box or (_fractions(self.percent) if self.percent else [])
        return Region(self.id or "", Box(*sides).clip(), self.label)


class _Operation(Strict):
    key: Annotated[
        StoredText | None,
        Field(min_length=1, max_length=128, description="makes a retry safe: done once, however often it is sent"),
    ] = None
    actor: Annotated[StoredText | None, Field(max_length=200, description="who decided: a person, a program")] = None
    confidence: Annotated[float | None, Field(ge=0, le=1, description="of the actor in this decision")] = None
    reasoning: Annotated[StoredText | None, Field(max_length=10_000)] = None


class _WriteOperation(_Operation):
    regions: Annotated[list[PlainRegion] | None, Field(max_length=MOST_REGIONS)] = None
    result: Annotated[
        list[dict[str, Any]] | None,
        Field(max_length=MOST_REGIONS, description="Label Studio's own form, instead of `regions`"),
    ] = None
    lead_time: Annotated[float | None, Field(ge=0, description="seconds the decision took")] = None
    size: Annotated[
        list[Annotated[int, Field(ge=1)]] | None,
        Field(min_length=2, max_length=2, description="width and height of the image in pixels, if nothing else tells"),
    ] = None

    @model_validator(mode="after")
    def _check_content(self) -> Self:
        return _with_one_of(self, "regions", "result")

    @field_validator("result")
    @classmethod
    def _check_size(cls, result: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
        try:
            size = len(json.dumps(result, allow_nan=False))
        except RecursionError:
            raise ValueError("less deeply nested JSON") from None
        if size > MOST_BYTES:
            raise ValueError(f"at most {MOST_BYTES} bytes of JSON")
        return result


class Create(_WriteOperation):
    """A new review of a task."""

    operation: Literal["create"]
    task: Id


class Update(_WriteOperation):
    """New regions for an existing review; choices, texts and shapes of others stay, unless it has a `result`."""

    operation: Literal["update"]
    annotation: Id
    task: Id | None = None


class Delete(_Operation):
    """The removal of a review."""

    operation: Literal["delete"]
    annotation: Id
    task: Id | None = None


Operation = Create | Update | Delete
AnyOperation = Annotated[Operation, Field(discriminator="operation")]
KINDS = ("create", "update", "delete")
_ANY: TypeAdapter[Operation] = TypeAdapter(AnyOperation)


def read_operation(json: object, config: LabelConfig, where: str) -> Operation:
    """Read one operation; PayloadError names the field below *where*, such as `operations[3].regions[0].box`."""
    if not isinstance(json, Mapping):
        raise PayloadError(where, "an operation, a JSON object", json)
    kind = json.get("operation")
    if kind not in KINDS:
        raise PayloadError(f"{where}.operation", "create, update or delete", kind)
    try:
        operation = _ANY.validate_python(json)
    except ValidationError as error:
        raise as_payload_error(error, where, skip=(kind,)) from error
    if not isinstance(operation, Delete):
        _check_labels(operation, config, where)
    return operation


def digest(operation: Operation) -> str:
    """Return the SHA-256 of the content of an operation, without its key."""
    text = json.dumps(operation.model_dump(exclude={"key"}), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _check_labels(operation: _WriteOperation, config: LabelConfig, where: str) -> None:
    """Labels must be in the config, and the rectangles of a raw result on its image."""
    for index, plain in enumerate(operation.regions or []):
        _check_label(plain.label, config, f"{where}.regions[{index}].label")
    for index, raw in enumerate(operation.result or []):
        _check_raw_box(raw, config, f"{where}.result[{index}]")


def _check_raw_box(raw: Mapping[str, Any], config: LabelConfig, where: str) -> None:
    rectangle = check_rectangle(raw, config, where)
    if rectangle is None:  # results of other controls are not checked
        return
    for label in rectangle.labels:
        _check_label(label, config, f"{where}.value.{BOXES}")
    box = rectangle.box
    try:
        _check_sides(list(box.sides), unit="percent of the image", is_turned=rectangle.is_turned)
    except ValueError as error:
        raise PayloadError(f"{where}.value", str(error), rectangle.value) from error


def _check_label(label: object, config: LabelConfig, where: str) -> None:
    if not any(label in (known.value, known.written) for known in config.labels):
        raise PayloadError(where, f"one of {', '.join(config.label_names)}", label)


def _fractions(percent: Percent) -> list[float]:
    x, y = percent.x / 100, percent.y / 100
    return [x, y, x + percent.width / 100, y + percent.height / 100]


def _check_sides(box: list[float], *, unit: str, is_turned: bool = False) -> list[float]:
    """Return the box. Raises ValueError if it is empty or not on the image; a turned box may stick out."""
    x0, y0, x1, y1 = box
    if not (x0 < x1 and y0 < y1):
        raise ValueError(f"a box with extent, in {unit}")
    if not is_turned and (min(box) < -EDGE or max(box) > 1 + EDGE):
        raise ValueError(f"a box on the image, in {unit}")
    return box


def _with_one_of(model: Model, *names: str) -> Model:
    if sum(getattr(model, name) is not None for name in names) != 1:
        raise ValueError(f"either {' or '.join(names)}")
    return model
