"""Label Studio's ML backend protocol, as version 1.23 speaks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from flask import Blueprint, Response, current_app, g, json, jsonify, request

from backend import access
from backend.body import BRIEF, read_body
from backend.gate import Gate
from backend.metrics import IMAGES_BROKEN, PREDICTIONS, UNCONNECTED, UNMAPPED, JobFigures, expose
from loop.errors import PayloadError, UpstreamError
from loop.label_studio.interactive.backend import check_not_ours
from loop.label_studio.interactive.prompts import Context, find_context
from loop.label_studio.label_config import parse
from loop.label_studio.payloads import project_id_of, project_of
from loop.label_studio.tasks import read_tasks
from loop.rooms import Rooms
from loop.serving.pre_annotate import PreAnnotation
from loop.serving.predictor import Predictor
from loop.training.stopwatch import seconds_of

LARGEST_REQUEST = 256 * 2**20  # bytes of a request for predictions; Label Studio sends all selected tasks in one
LONGEST_SHOWN = 1000  # bytes of a body that is no JSON

protocol = Blueprint("protocol", __name__)


def body(memory_seconds: float | None = BRIEF) -> Mapping[str, Any]:
    """Return the JSON object of the request; see `read_body`. Raises PayloadError too."""
    content = read_body(memory_seconds)
    try:
        sent = json.loads(content) if request.is_json else None
    except (ValueError, RecursionError):  # no JSON, or nested too deeply
        sent = None
    if not isinstance(sent, Mapping):
        raise PayloadError("body", "a JSON object", content[:LONGEST_SHOWN].decode(errors="replace"))
    return sent


def predictor() -> Predictor:
    """Return the predictor of this app."""
    own: Predictor = current_app.extensions["predictor"]
    return own


@protocol.get("/health")
@protocol.get("/")
def health() -> Response:
    """Say that this process answers; never waits for anything."""
    return jsonify(status="UP", model_class="YoloBackend")


@protocol.post("/setup")
def setup() -> Response:
    """Answer the version that `/predict` uses now: by it Label Studio tells which tasks are predicted already."""
    sent = body()
    parse(_text(sent, "schema"))
    return jsonify(model_version=predictor().version(access.require(project_of(sent))))


@protocol.post("/predict")
def predict() -> Response:
    """Answer one result per task, in the order of the tasks; a call of a click tool may be handed on."""
    request.max_content_length = LARGEST_REQUEST
    gate: Gate = current_app.extensions["gate"]
    interactive = current_app.extensions["rooms"].studio.interactive
    with gate.entered():
        sent = body(memory_seconds=None)
        project_id = access.require(project_of(sent))
        context = find_context(sent)
        if context is None or interactive is None:
            return _answer(gate, project_id, sent, context)
    check_not_ours(dict(request.headers))
    clicks: Gate = current_app.extensions["clicks"]
    with clicks.entered():
        return Response(interactive.predict(sent, g.began), mimetype="application/json")


def _answer(gate: Gate, project_id: int, sent: Mapping[str, Any], context: Context | None) -> Response:
    """Answer by the version that serves; what its predictions are is counted, and what a click tool is told is not."""
    request_of = project_id, _text(sent, "label_config"), read_tasks(sent.get("tasks"))
    if context is None:
        answers = gate.run(partial(predictor().predict, *request_of, g.began))
        _count(project_id, answers)
    else:
        answers = gate.run(partial(predictor().answer_clicks, *request_of, context, g.began))
    suggestions = [answer.suggestion for answer in answers]
    errors = {
        str(suggestion.task_id) if suggestion.task_id else f"tasks[{place}]": suggestion.error
        for place, suggestion in enumerate(suggestions)
        if suggestion.error
    }
    results = [answer.as_answer() for answer in answers]
    return jsonify(results=results, **({"errors": errors} if errors else {}))


def _count(project_id: int, answers: Sequence[PreAnnotation]) -> None:
    suggestions = [answer.suggestion for answer in answers]
    in_time = [suggestion for suggestion in suggestions if not suggestion.is_late]
    label = str(project_id) if predictor().has_own(project_id) else UNCONNECTED
    PREDICTIONS.labels(label).inc(len(in_time))
    IMAGES_BROKEN.labels(label).inc(sum(suggestion.error is not None for suggestion in in_time))
    UNMAPPED.labels(label).inc(sum(suggestion.unmapped for suggestion in suggestions))


@protocol.get("/versions")
def versions() -> Response:
    """All versions of `?project=`, newest first; without it, of every project that the sender may name."""
    wanted, projects = request.args.get("project"), current_app.extensions["rooms"].studio.projects
    ids = (
        [access.require(project_id_of(wanted))]
        if wanted
        else [project.id for project in projects.all() if access.caller().may_name(project.id)]
    )
    return jsonify(versions=[name for project_id in ids for name in predictor().versions(project_id)])


@protocol.get("/metrics")
def metrics() -> Response:
    """Counters for Prometheus, the jobs if Redis answers, and where the newest trainings' seconds went."""
    rooms: Rooms = current_app.extensions["rooms"]
    queue, jobs = rooms.queue, JobFigures()
    with suppress(UpstreamError):  # `loop status` and `loop doctor` tell that Redis does not answer
        jobs = JobFigures(queue.read_progress(), queue.lengths(), queue.waits())
    seconds = {training.project_id: seconds_of(training) for training in rooms.trainings.store.newest()}
    return Response(expose(jobs, seconds), mimetype="text/plain; version=0.0.4")


def _text(sent: Mapping[str, Any], key: str) -> str:
    value = sent.get(key)
    if not isinstance(value, str) or not value:
        raise PayloadError(key, "the XML of a label config", value)
    return value
