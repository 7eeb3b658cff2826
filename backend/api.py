"""The loop's own HTTP API: reviews in bulk, verdicts, and the description of it all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import uuid4

from flask import Blueprint, Response, current_app, jsonify, render_template, request
from pydantic import BaseModel
from werkzeug.exceptions import UnsupportedMediaType

from backend.api_schemas import BulkAnswer, BulkRequest, BulkResult, VerdictPage, VerdictQuery
from backend.openapi import document
from backend.protocol import body
from loop.errors import Busy, PayloadError
from loop.printable import shorten
from loop.reviews.bulk.operations import Operation
from loop.reviews.bulk.run import OperationOutcome, annotate
from loop.reviews.verdict_query import VerdictFilter, read_cursor
from loop.rooms import Rooms
from loop.validation import read

LARGEST_BODY = 32 * 1024 * 1024  # bytes
LONGEST_KEY = 100  # characters; a position is added
AT_ONCE = threading.BoundedSemaphore(2)  # bulk requests: each makes Label Studio call us, which needs threads too
MULTI_STATUS = 207

api = Blueprint("api", __name__, url_prefix="/loop/api/v1", template_folder="templates")


@api.post("/annotations/bulk")
def bulk() -> tuple[Response, int]:
    """Create, update and delete reviews; answer 200 if all operations succeeded, else 207."""
    if not request.is_json:
        raise UnsupportedMediaType(f"Content-Type: expected application/json, found {request.mimetype or 'none'}")
    request.max_content_length = LARGEST_BODY
    if not AT_ONCE.acquire(blocking=False):
        raise Busy("bulk requests: two are being worked on; send this one again in a while")
    try:
        sent = read(BulkRequest, body())
        asked = ((f"operations[{index}]", operation) for index, operation in enumerate(sent.operations))
        outcomes = list(
            annotate(_rooms().reviews, sent.project, asked, _key_of(request.headers.get("Idempotency-Key")))
        )
    finally:
        AT_ONCE.release()
    failed = sum(outcome.error is not None for outcome in outcomes)
    answer = BulkAnswer(
        total=len(outcomes),
        succeeded=len(outcomes) - failed,
        failed=failed,
        results=[_make_result(outcome) for outcome in outcomes],
    )
    return _json(answer), MULTI_STATUS if failed else 200


@api.get("/verdicts")
def verdicts() -> Response:
    """Answer one page of verdicts with their provenance."""
    query = read(VerdictQuery, request.args.to_dict())
    rooms = _rooms()
    rooms.studio.projects.get(query.project)
    after = read_cursor(query.cursor) if query.cursor else None
    wanted = VerdictFilter(**query.model_dump(exclude={"limit", "cursor"}))
    records, place = rooms.reviews.verdicts.page(wanted, after, query.limit)
    return _json(VerdictPage(verdicts=records, next=place.text() if place else None))


@api.get("/openapi.json")
def openapi() -> Response:
    """Answer the description of the API, OpenAPI 3.1."""
    return jsonify(document())


@api.get("/")
def page() -> Response:
    """Answer the description as a page; the page loads nothing from elsewhere."""
    answer = Response(render_template("api.html", api=document()))
    answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return answer


def _key_of(header: str | None) -> Callable[[int, Operation], str]:
    """Return the function that makes a key for an operation without one, from the key of the request if it has one."""
    if header is None:
        return lambda _position, _operation: str(uuid4())
    if not header.strip() or len(header) > LONGEST_KEY:
        raise PayloadError("Idempotency-Key", f"1 to {LONGEST_KEY} characters", header)
    return lambda position, _operation: f"{header}:{position}"


def _make_result(outcome: OperationOutcome) -> BulkResult:
    return BulkResult(
        operation=None if outcome.operation is None else shorten(outcome.operation),
        success=outcome.error is None,
        id=outcome.id,
        error=outcome.error,
        key=outcome.key,
        is_repeated=outcome.is_repeated,
    )


def _json(answer: BaseModel) -> Response:
    return Response(answer.model_dump_json(), mimetype="application/json")


def _rooms() -> Rooms:
    rooms: Rooms = current_app.extensions["rooms"]
    return rooms
