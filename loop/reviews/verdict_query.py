"""Which verdicts are asked for, from where on, and what each says with its provenance. Pure."""

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
    """Why a task was served when it was: its score, or regardless of it."""

    QUEUE = "queue"
    AUDIT = "audit"


class Source(StrEnum):
    """How the review came about that a verdict is from."""

    EDITOR = "editor"  # in Label Studio's editor
    BULK = "bulk"  # as an operation, sent to us
    IMPORT = "import"  # past the editor: annotations of imported tasks, or another program's


class VerdictFilter(BaseModel):
    """Which verdicts of a project; what is left out does not matter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    project: Annotated[int, Field(ge=1, le=LARGEST_ID, description="Label Studio's project id")]
    version: Annotated[str | None, Field(description="that was judged, such as yolo_detector@1.2.0")] = None
    decision: Decision | None = None
    label: Annotated[str | None, Field(description="as predicted; of what was missed, as drawn")] = None
    stream: Stream | None = None
    annotator: Annotated[int | None, Field(ge=1, le=LARGEST_ID, description="Label Studio's user id")] = None
    actor: Annotated[str | None, Field(description="who decided, of reviews that came in bulk")] = None
    task: Annotated[int | None, Field(ge=1, le=LARGEST_ID)] = None
    since: Annotated[datetime | None, Field(description="reviewed at this time or later; ISO 8601")] = None
    until: Annotated[datetime | None, Field(description="reviewed before this time; ISO 8601")] = None
    is_shadow: Annotated[bool, Field(description="those on a version that is only tried, instead")] = False

    @field_validator("since", "until")
    @classmethod
    def _has_a_zone(cls, moment: datetime | None) -> datetime | None:
        """A time without a zone is UTC."""
        return _utc(moment) if moment else None

    @field_validator("version", "label", "actor")
    @classmethod
    def _can_be_looked_up(cls, text: str | None) -> str | None:
        if text is not None and not is_text(text):
            raise ValueError("text without NUL and half surrogate pairs")
        return text


class VerdictRecord(BaseModel):
    """One verdict with its provenance."""

    model_config = ConfigDict(frozen=True)

    task: int
    annotation: int
    decision: Decision
    is_moved: bool
    is_relabelled: bool
    predicted: Annotated[
        dict[str, Any] | None, Field(description="id, label, score, and box in fractions, x0 y0 x1 y1")
    ]
    reviewed: Annotated[dict[str, Any] | None, Field(description="what the reviewer left in its place")]
    version: str
    prediction: Annotated[int, Field(description="the entry of our prediction log that was judged")]
    execution: Annotated[str, Field(description="the request or job that served it; empty where it is not known")]
    stream: Stream
    propensity: Annotated[float, Field(description="the chance that the task is in the audit")]
    is_shadow: bool
    source: Source
    annotator: Annotated[int | None, Field(description="Label Studio's user id")]
    actor: str | None = None
    confidence: float | None = None
    reasoning: str | None = None
    lead_time: Annotated[float | None, Field(description="seconds the review took")]
    reviewed_at: datetime


_Number = Annotated[int, Field(ge=0, le=LARGEST_ID)]
_PLACE: TypeAdapter[tuple[AwareDatetime, int, str, int]] = TypeAdapter(tuple[AwareDatetime, _Number, str, _Number])


class Cursor(NamedTuple):
    """
    The place after a verdict.

    Verdicts are replaced when a review is judged anew, and their row ids with them. This order stays: a verdict of a
    review that nobody touched keeps its place, one of a review that was edited moves to the end.
    """

    reviewed_at: datetime
    task: int
    version: str
    position: int

    def text(self) -> str:
        """As it is handed out: nothing that callers should read."""
        known = [self.reviewed_at.isoformat(), self.task, self.version, self.position]
        return base64.urlsafe_b64encode(json.dumps(known).encode()).decode().rstrip("=")


def read_cursor(text: str) -> Cursor:
    """Read what `Cursor.text` wrote. Raises PayloadError."""
    try:
        kept = _PLACE.validate_json(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        _utc(kept[0])
    except ValueError as error:  # no base64, no JSON, or none of ours
        raise PayloadError("cursor", "the `next` of an earlier page", text) from error
    return Cursor(*kept)


def _utc(moment: datetime) -> datetime:
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a time of the years 1 to 9999, in UTC") from error
