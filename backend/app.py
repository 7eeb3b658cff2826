"""The Flask app: wiring, access, errors to HTTP. Start it with `backend/gunicorn_options.py`."""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, current_app, g, json, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as WerkzeugResponse

from backend import access, session
from backend.api import api
from backend.body import Deadlines, forget_body
from backend.dashboard import pages
from backend.errors import answer_error, is_for_person
from backend.gate import CLICKS, PICTURES, PICTURES_WAITING, SERVICES, SERVICES_WAITING, SIGN_INS, Gate
from backend.metrics import SECONDS
from backend.protocol import protocol
from backend.retries import Retries
from backend.webhook import count_refusal, intake
from loop.errors import (
    Busy,
    ClusterDecided,
    EmptySnapshot,
    LoopError,
    NoSuchCluster,
    Overloaded,
    PayloadError,
    RecordsDown,
    RegistryError,
    StalePlan,
    Unauthorized,
    UnknownClass,
    UnknownProject,
    UnknownReport,
    UnknownSnapshot,
    UnknownTraining,
    UnknownVersion,
    UpstreamError,
)
from loop.log_lines import LineLimit, set_up_logs
from loop.serving.predictor import Predictor
from loop.settings import Settings
from loop.wiring import build

STATUS = {
    PayloadError: 400,
    Unauthorized: 401,
    UnknownProject: 404,
    NoSuchCluster: 404,
    UnknownClass: 404,
    UnknownTraining: 404,
    UnknownVersion: 404,  # before its parent, as the next two
    UnknownSnapshot: 404,
    UnknownReport: 404,
    RegistryError: 409,
    ClusterDecided: 409,
    StalePlan: 409,
    EmptySnapshot: 409,
    Overloaded: 503,  # before its parent
    Busy: 429,
    RecordsDown: 503,  # before its parent
    UpstreamError: 502,
}
LARGEST_BODY = 8 * 2**20  # bytes, unless a route allows more
ASK_SECONDS = 0.25  # between two requests for the same job

log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> Flask:
    """Build the app from *settings*, or from the environment."""
    settings = settings or Settings.read()
    set_up_logs()
    app = Flask("backend")
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    rooms = build(settings)
    rooms.installation.machine.join(may_lead=True)  # without the key nobody could be let in
    predictor = Predictor(rooms.serving)
    predictor.warm_up()
    app.extensions.update(rooms=rooms, predictor=predictor, gate=Gate(), deadlines=Deadlines(), lines=LineLimit())
    app.extensions.update(retries=Retries(), asks=Retries(ASK_SECONDS))
    app.extensions.update(clicks=Gate(CLICKS), pictures=Gate(PICTURES, PICTURES_WAITING))
    app.extensions.update(services=Gate(SERVICES, SERVICES_WAITING), sign_ins=Gate(SIGN_INS, SIGN_INS))
    app.register_blueprint(protocol)
    app.register_blueprint(intake)
    app.register_blueprint(api)
    session.set_up(app, rooms.access.logins, is_https=settings.backend_url.startswith("https"))
    pages.set_up(app)
    app.before_request(_begin)
    app.before_request(access.check)
    app.before_request(_check_query)
    app.after_request(_observe_seconds)
    app.after_request(count_refusal)
    app.teardown_request(forget_body)
    app.register_error_handler(LoopError, _answer)
    app.register_error_handler(Exception, _answer_bug)
    return app


def catch_up(app: Flask) -> None:
    """
    Record the events that an earlier process left in files, as soon as the records take them.

    Ask for the sync of every project as soon as Redis takes it: events before the start reached no process.
    """
    rooms, retries = app.extensions["rooms"], app.extensions["retries"]
    retries.add("events in files", rooms.reviews.events.take_over)
    retries.add("sync of all projects", rooms.queue.ask_sync_all)


def _begin() -> None:
    g.began = time.monotonic()


def _check_query() -> None:
    """Refuse a query that Werkzeug fails to read. Raises PayloadError."""
    try:
        request.query_string.decode()
    except UnicodeDecodeError as error:
        raise PayloadError("query", "text in UTF-8, percent-encoded", request.query_string) from error


def _observe_seconds(response: Response) -> Response:
    SECONDS.labels(request.endpoint or "none").observe(time.monotonic() - g.get("began", time.monotonic()))
    return response


def _answer(error: LoopError) -> Response:
    """Answer an error with its HTTP status, by the table STATUS."""
    status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 500)
    limit: LineLimit = current_app.extensions["lines"]
    if status >= 500 and (end := limit.note(f"{request.endpoint} {type(error).__name__}")) is not None:
        log.error("%s %s: %s%s", request.method, request.path, error, end)
    return answer_error(error, status, str(error))


def _answer_bug(error: Exception) -> Response | WerkzeugResponse:
    if isinstance(error, HTTPException):
        response = error.get_response()
        if (error.code or 500) < 400:
            return response
        if is_for_person():
            return answer_error(error, error.code or 500, error.description or "")
        response.data = json.dumps({"error": error.description, "type": type(error).__name__})
        response.content_type = "application/json"
        return response
    log.error("%s %s", request.method, request.path, exc_info=error)
    return answer_error(error, 500, "internal error; the log has the trace")
