"""The requests and answers of our own API, as its description shows them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SkipValidation

from backend.protocol_schemas import with_examples
from loop.reviews.bulk.operations import MOST_OPERATIONS, AnyOperation, Id, Strict
from loop.reviews.verdict_query import MOST, VerdictFilter, VerdictRecord


class BulkRequest(Strict):
    """Operations on the reviews of one project; each is checked and done by itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "project": 7,
                    "operations": [
                        {
                            "operation": "create",
                            "key": "night-shift-2041",
                            "task": 12,
                            "regions": [
                                {"id": "3f1c09aa51be", "label": "Car", "box": [0.1, 0.2, 0.4, 0.45]},
                                {"label": "Car", "percent": {"x": 50, "y": 10, "width": 20, "height": 20}},
                            ],
                            "actor": "second-look",
                            "confidence": 0.93,
                            "reasoning": "both boxes agree with the lidar",
                            "lead_time": 1.5,
                        },
                        {"operation": "update", "annotation": 31, "regions": []},
                        {"operation": "delete", "annotation": 32},
                    ],
                }
            ]
        }
    )
    project: Id
    operations: Annotated[list[SkipValidation[AnyOperation]], Field(max_length=MOST_OPERATIONS)]


class BulkResult(BaseModel):
    """The result of one operation."""

    model_config = with_examples(
        {"operation": "create", "success": True, "id": 31, "error": None, "key": "a", "is_repeated": False}
    )
    operation: Annotated[str | None, Field(description="as it was sent; null if it is missing or no text")]
    success: bool
    id: Annotated[int | None, Field(description="of the annotation")]
    error: Annotated[str | None, Field(description="begins with the wrong field, if it is about one field")]
    key: Annotated[str | None, Field(description="the key of a retry: an operation that succeeded is not repeated")]
    is_repeated: Annotated[bool, Field(description="it was done before, by the same key")]


class BulkAnswer(BaseModel):
    """Counts, and one result per operation, in the order of the operations."""

    model_config = with_examples(
        {
            "total": 2,
            "succeeded": 1,
            "failed": 1,
            "results": [
                {"operation": "delete", "success": True, "id": 31, "error": None, "key": "a", "is_repeated": False},
                {
                    "operation": "create",
                    "success": False,
                    "id": None,
                    "error": "operations[1].regions[0].label: expected one of Car, found Cra",
                    "key": None,
                    "is_repeated": False,
                },
            ],
        }
    )
    total: int
    succeeded: int
    failed: int
    results: list[BulkResult]


class VerdictQuery(VerdictFilter):
    """A filter of verdicts, and a page."""

    limit: Annotated[int, Field(ge=1, le=MOST, description="verdicts a page")] = 100
    cursor: Annotated[str | None, Field(description="the `next` of the page before")] = None


class VerdictPage(BaseModel):
    """Verdicts in the order of review; `next` is null on the last page."""

    model_config = with_examples(
        {
            "verdicts": [
                {
                    "task": 12,
                    "annotation": 31,
                    "decision": "corrected",
                    "is_moved": True,
                    "is_relabelled": False,
                    "predicted": {"id": "3f1c09aa51be", "label": "Car", "score": 0.83, "box": [0.1, 0.2, 0.4, 0.45]},
                    "reviewed": {"id": "3f1c09aa51be", "label": "Car", "score": 0.83, "box": [0.1, 0.2, 0.5, 0.45]},
                    "version": "yolo_detector@1.4.0",
                    "prediction": 204,
                    "execution": "0b5c2f0e-6f0a-4a57-8a52-5d3f7f0f6b1e",
                    "stream": "queue",
                    "propensity": 0.05,
                    "is_shadow": False,
                    "source": "editor",
                    "annotator": 3,
                    "actor": None,
                    "confidence": None,
                    "reasoning": None,
                    "lead_time": 12.4,
                    "reviewed_at": "2026-11-23T02:19:33.256652Z",
                }
            ],
            "next": None,
        }
    )
    verdicts: list[VerdictRecord]
    next: str | None
