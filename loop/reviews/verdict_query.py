"""A filter of verdicts, a cursor into their order, and a verdict with its provenance. Pure."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from loop.errors import PayloadError
from loop.reviews.verdicts import Decision
from loop.storage.storable import LARGEST_ID, is_text

MOST = 1000  # verdicts a page


class Stream(StrEnum):
    """Whether a task was served by its score (queue), regardless of it (audit), or with a known answer (known)."""

    QUEUE = "queue"
    AUDIT = "audit"
    KNOWN = "known"


class ReviewSource(StrEnum):
    """How a review was made."""

    EDITOR = "editor"  # in Label Studio's editor
    BULK = "bulk"  # by an operation in bulk
    IMPORT = "import"  # with imported tasks, or by another program


class VerdictFilter(BaseModel):
    """Selects verdicts of a project; a field that is left out selects all."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    project: Annotated[int, Field(ge=1, le=LARGEST_ID, description="Label Studio's project id")]
    version: Annotated[str | None, Field(description="the version that was judged, such as yolo_detector@1.2.0")] = None
    decision: Decision | None = None
    label: Annotated[str | None, Field(description="the predicted label; the drawn label of a missed object")] = None
    predicted_label: Annotated[str | None, Field(description="the predicted label; a missed object has none")] = None
    reviewed_label: Annotated[str | None, Field(description="the label left; a false positive has none")] = None
    stream: Stream | None = None
    annotator: Annotated[int | None, Field(ge=1, le=LARGEST_ID, description="Label Studio's user id")] = None
    actor: Annotated[str | None, Field(description="the actor of a review in bulk")] = None
    task: Annotated[int | None, Field(ge=1, le=LARGEST_ID)] = None
    since: Annotated[datetime | None, Field(description="reviewed at this time or later; ISO 8601")] = None
    until: Annotated[datetime | None, Field(description="reviewed before this time; ISO 8601")] = None
    is_shadow: Annotated[bool, Field(description="only verdicts on a shadow")] = False

    @field_validator("since", "until")
    @classmethod
    def _move_to_utc(cls, moment: datetime | None) -> datetime | None:
        """Read a time without a zone as UTC."""
        return _to_utc(moment) if moment else None

    @field_validator("version", "label", "predicted_label", "reviewed_label", "actor")
    @classmethod
    def _check_text(cls, text: str | None) -> str | None:
        if text is not None and not is_text(text):
            raise ValueError("text without NUL and half surrogate pairs")
        return text


class VerdictRecord(BaseModel):
    """One verdict with its provenance."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    task: int
    annotation: int
    decision: Decision
    is_moved: bool
    is_relabelled: bool
    predicted: Annotated[
        dict[str, Any] | None, Field(description="id, label, score, and box in fractions, x0 y0 x1 y1")
    ]
    reviewed: Annotated[dict[str, Any] | None, Field(description="the box that the reviewer left in its place")]
    version: str
    prediction: Annotated[int, Field(description="the entry of our prediction log that was judged")]
    execution: Annotated[str, Field(description="the request or job that served it; empty if unknown")]
    stream: Stream
    propensity: Annotated[float, Field(description="the chance that the task is in the audit")]
    is_shadow: bool
    source: ReviewSource
    annotator: Annotated[int | None, Field(description="Label Studio's user id")]
    actor: str | None = None
    confidence: float | None = None
    reasoning: str | None = None
    lead_time: Annotated[float | None, Field(description="seconds the review took")]
    reviewed_at: datetime


_Number = Annotated[int, Field(ge=0, le=LARGEST_ID)]
_PLACE: TypeAdapter[tuple[AwareDatetime, int, str, int]] = TypeAdapter(
    tuple[AwareDatetime, _Number, str, _Number], config=ConfigDict(defer_build=True)
)


class Cursor(NamedTuple):
    """
    The place after a verdict.

    Judging a review again replaces its verdicts and their row ids, but not this order: the verdicts of an untouched
    review keep their places, and those of an edited review move to the end.
    """

    reviewed_at: datetime
    task: int
    version: str
    position: int

    def text(self) -> str:
        """Return the cursor as text, which callers should not read."""
        place = [self.reviewed_at.isoformat(), self.task, self.version, self.position]
        return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def read_cursor(text: str) -> Cursor:
    """Read what `Cursor.text` wrote. Raises PayloadError."""
    try:
        place = _PLACE.validate_json(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        _to_utc(place[0])
    except ValueError as error:  # not base64, not JSON, or not a cursor
        raise PayloadError("cursor", "the `next` of an earlier page", text) from error
    return Cursor(*place)


def _to_utc(moment: datetime) -> datetime:
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a time of the years 1 to 9999, in UTC") from error
