"""Label Studio's webhooks: checked, appended to the event log, answered 202; the work happens in jobs."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import Blueprint, Response, current_app, g, jsonify, request
from werkzeug.exceptions import UnsupportedMediaType

from backend import access
from backend.metrics import EVENTS, REFUSED
from backend.protocol import body
from backend.retries import Retries
from loop.access.callers import EVENTS as EVENTS_ENDPOINT
from loop.access.callers import Caller, CallerKind
from loop.errors import PayloadError, RecordsDown, Unauthorized, UpstreamError
from loop.label_studio.payloads import project_id_of, project_of
from loop.label_studio.webhook import ACTIONS, CREATED, PROJECT_HEADER, SECRET_HEADER, START_TRAINING
from loop.log_lines import LineLimit
from loop.printable import shorten
from loop.rooms import Rooms

intake = Blueprint("intake", __name__)
log = logging.getLogger(__name__)

ACTION = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
KNOWN = frozenset((*ACTIONS, START_TRAINING))
LONGEST_REASON = 300  # characters of a refusal
LARGEST_EVENT = 64 * 2**20  # bytes; the sync finds the change that a larger event reports


@intake.post("/webhook")
def webhook() -> tuple[Response, int]:
    """
    Append an event to the log, and have the job asked for that processes it; the sweep asks too.

    The webhook that `loop connect` adds sends the secret of the project, which is checked before the body is read. Only
    Start Training comes without the secret, with the login of the ML backend. Events of the webhook that Label Studio
    itself adds for an ML backend are refused. An event of a project that is not connected is refused: its first sync
    reads everything.
    """
    rooms: Rooms = current_app.extensions["rooms"]
    if not request.is_json:
        raise UnsupportedMediaType(f"Content-Type: expected application/json, found {request.mimetype or 'none'}")
    request.max_content_length = LARGEST_EVENT
    sent = body()
    action = sent.get("action")
    if not isinstance(action, str) or not ACTION.fullmatch(action):
        raise PayloadError("action", "the name of an event", action)
    project_id = _project_id(sent, action)
    with suppress(RecordsDown):  # the event itself may still find a place
        rooms.studio.projects.get(project_id)
    try:
        is_new = rooms.reviews.events.append(project_id, action, {**sent, **_moment(action)})
    except RecursionError as error:
        raise PayloadError("body", "JSON that is less deeply nested", "") from error
    retries: Retries = current_app.extensions["retries"]
    if not rooms.reviews.events.spool.is_empty():  # no worker may run on this machine
        retries.add("events in files", rooms.reviews.events.take_over)
    EVENTS.labels(project_id, action if action in KNOWN else "other").inc()
    asks: Retries = current_app.extensions["asks"]  # after the answer, and once for many events: Redis takes its time
    ask = partial(_ask_review, rooms, project_id, current_app.extensions["lines"])
    asks.add(f"review of project {project_id}", ask)
    return jsonify(status="appended" if is_new else "known already"), 202


def _project_id(sent: Mapping[str, Any], action: str) -> int:
    """Return the project of an event: its secret tells the project, and Start Training, without a secret, names it."""
    sender = access.caller()
    if sender.kind == CallerKind.WEBHOOK and sender.project:
        return sender.project
    if action != START_TRAINING:
        raise Unauthorized(f"{action} without {SECRET_HEADER}: run `loop connect` for its project")
    return access.require(project_of(sent))


def _moment(action: str) -> dict[str, str]:
    """
    Return the moment of an event of which a later one may say the same, and stands for something else that happened.

    Start Training always says the same; Label Studio gives ids of deleted objects out again; a project can be changed
    back.
    """
    return {} if action in CREATED else {"arrived_at": datetime.now(UTC).isoformat()}


def count_refusal(response: Response) -> Response:
    """Log and count an event that was refused; the doctor names it where the project that it claims is connected."""
    if request.endpoint != EVENTS_ENDPOINT or response.status_code < 400:
        return response
    claimed, answer = request.headers.get(PROJECT_HEADER, ""), response.get_json(silent=True) or {}
    reason = shorten(str(answer.get("error")), LONGEST_REASON)
    REFUSED.labels(response.status_code).inc()
    limit: LineLimit = current_app.extensions["lines"]
    if (end := limit.note(f"refused {response.status_code} {answer.get('type')}")) is not None:
        log.warning(
            "an event for project %s from %s is refused: %s%s", shorten(claimed), request.remote_addr, reason, end
        )
    rooms: Rooms = current_app.extensions["rooms"]
    with suppress(PayloadError, UpstreamError):  # no project that we can know, or records that are down
        rooms.reviews.refusals.add(project_id_of(claimed), f"{response.status_code}: {reason}")
    sender: Caller | None = g.get("caller")
    if response.status_code >= 500 and sender and sender.kind == CallerKind.WEBHOOK and sender.project:
        retries: Retries = current_app.extensions["retries"]
        retries.add(f"sync of project {sender.project}", partial(_ask_sync, rooms, sender.project))
    return response


def _ask_review(rooms: Rooms, project_id: int, limit: LineLimit) -> bool:
    """Ask for the job that processes the events of a project; they are kept meanwhile. Raises UpstreamError."""
    try:
        rooms.queue.ask_review(project_id)
    except UpstreamError as error:
        if (end := limit.note("asked again")) is not None:
            log.warning("the events of project %d are kept; their job is asked for again: %s%s", project_id, error, end)
        raise
    return True


def _ask_sync(rooms: Rooms, project_id: int) -> bool:
    """
    Ask for the sync that finds what a lost event reported; return whether it begins after now.

    Raises UpstreamError while the records take nothing, as on a full disk: the sync would fail as well.
    """
    rooms.studio.projects.get(project_id)
    rooms.reviews.refusals.flush()
    return rooms.queue.ask_sync(project_id)
