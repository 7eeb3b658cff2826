"""The description of every route, OpenAPI 3.1, made from the models that the routes read and answer with."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from backend import api_schemas, protocol_schemas
from loop.label_studio.webhook import PROJECT_HEADER, SECRET_HEADER

Json = dict[str, Any]
REF = "#/components/schemas/{model}"
ERRORS = {
    400: "a part of the request cannot be read; `field` names it",
    401: "a wrong or missing user, password, token or secret",
    403: "the sender is known and may not do this, such as a read-only token that writes",
    404: "the project is not connected",
    408: "the body did not arrive in time",
    413: "the body is too large",
    415: "the body is not declared as application/json",
    421: "the Host header names a host that is not ours",
    429: "too many requests at once; send the same again later",
    500: "a bug of ours; the log has the trace",
    502: "the backend of the click tools (LOOP_INTERACTIVE_URL) did not answer, or not as an ML backend does",
    503: "the process is full, or the records did not answer; `Retry-After` says when to send the request again",
}
CLOSED = (401, 403, 421, 503)  # of every route that is not open to anybody: the sender is looked up in the records


@dataclass(frozen=True, slots=True)
class Route:
    """The request and the answers of one method of one path."""

    summary: str
    answers: dict[int, type[BaseModel] | str]  # a model, or the media type of an answer that is not JSON
    takes: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    security: tuple[str, ...] = ("basic", "bearer")  # any of these is enough; empty: no authentication
    more: str = ""


ROUTES: dict[tuple[str, str], Route] = {
    ("get", "/"): Route("The same as /health", {200: protocol_schemas.Health}, security=()),
    ("get", "/health"): Route("Whether this process answers", {200: protocol_schemas.Health}, security=()),
    ("post", "/setup"): Route(
        "The version in force",
        {200: protocol_schemas.SetupAnswer},
        takes=protocol_schemas.SetupRequest,
        errors=(400, 408, 413),
    ),
    ("post", "/predict"): Route(
        "Predict tasks",
        {200: protocol_schemas.PredictAnswer},
        takes=protocol_schemas.PredictRequest,
        errors=(400, 408, 413, 502),
        more=(
            "With `params.context` it is the call of a click tool: what the annotator drew, as Label Studio's editor "
            "sends it. The result has the boxes that are meant by it, or the call is handed on to another ML backend, "
            "whose answer comes back as it is."
        ),
    ),
    ("post", "/webhook"): Route(
        "Append an event of Label Studio to the log",
        {202: protocol_schemas.EventAnswer},
        takes=protocol_schemas.Event,
        headers={PROJECT_HEADER: "the project's id", SECRET_HEADER: "the project's secret"},
        errors=(400, 404, 408, 413, 415),
        security=("secret", "basic"),
        more=(
            "Sent by the webhook that `loop connect` adds. Only Start Training comes without the secret, with the "
            "login of the ML backend. Events of a project that is not connected are refused."
        ),
    ),
    ("get", "/versions"): Route(
        "Versions of a project, or of all",
        {200: protocol_schemas.Versions},
        query=protocol_schemas.VersionsQuery,
        errors=(400,),
    ),
    ("get", "/metrics"): Route("Counters for Prometheus", {200: "text/plain"}),
    ("post", "/loop/api/v1/annotations/bulk"): Route(
        "Create, update and delete reviews",
        {200: api_schemas.BulkAnswer, 207: api_schemas.BulkAnswer},
        takes=api_schemas.BulkRequest,
        headers={"Idempotency-Key": "with its position, the key of an operation without a key"},
        errors=(400, 404, 408, 413, 415, 429),
        more=(
            "Operations do not depend on each other: 200 if all succeeded, else 207; the results name the failures. "
            "Send failures again with the keys of their results. Reviews are written through Label Studio's API, and "
            "its webhook reports them like an annotator's work."
        ),
    ),
    ("get", "/loop/api/v1/verdicts"): Route(
        "Verdicts with their provenance",
        {200: api_schemas.VerdictPage},
        query=api_schemas.VerdictQuery,
        errors=(400, 404),
        more=(
            "In the order of review. Give `next` of a page as `cursor` to get the page after it. A verdict is on one "
            "page only; if its review is edited meanwhile, the verdicts of the edited review come again at the end."
        ),
    ),
    ("get", "/loop/api/v1/openapi.json"): Route("This description", {200: "application/json"}),
    ("get", "/loop/api/v1/"): Route("This description as a page", {200: "text/html"}),
}


@cache
def document() -> Json:
    """Return the whole description."""
    _, defined = models_json_schema(_models(), ref_template=REF)
    paths: Json = {}
    for (method, path), route in ROUTES.items():
        paths.setdefault(path, {})[method] = _operation(method, path, route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "label-studio-yolo-loop",
            "version": "1",
            "description": "A Label Studio ML backend, and a loop that learns from every review.",
        },
        "paths": paths,
        "components": {
            "schemas": defined["$defs"],
            "securitySchemes": {
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": (
                        "BASIC_AUTH_USER and BASIC_AUTH_PASS open everything. The login of `loop tokens login`, which "
                        "Label Studio sends otherwise, opens /setup, /predict, /versions and Start Training of one "
                        "project."
                    ),
                },
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of `loop tokens add`. With --read-only, it opens GET alone.",
                },
                "secret": {"type": "apiKey", "in": "header", "name": SECRET_HEADER},
            },
        },
    }


def _models() -> list[tuple[type[BaseModel], JsonSchemaMode]]:
    taken = {route.takes for route in ROUTES.values() if route.takes}
    answered = {model for route in ROUTES.values() for model in route.answers.values() if not isinstance(model, str)}
    modes: dict[type[BaseModel], JsonSchemaMode] = dict.fromkeys(taken, "validation")
    modes |= dict.fromkeys((*answered, protocol_schemas.Error), "serialization")
    return sorted(modes.items(), key=lambda pair: pair[0].__name__)


def _operation(method: str, path: str, route: Route) -> Json:
    answers: Json = {str(status): _answer(model) for status, model in route.answers.items()}
    for status in (*route.errors, *(CLOSED if route.security else ()), 500):
        content = {"application/json": {"schema": _ref(protocol_schemas.Error)}}
        answers[str(status)] = {"description": ERRORS[status], "content": content}
    operation: Json = {
        "operationId": f"{method}{path}".replace("/", "_").replace(".", "_").rstrip("_"),
        "summary": route.summary,
        "parameters": [*_query(route), *(_header(name, about) for name, about in route.headers.items())],
        "responses": dict(sorted(answers.items())),
        "security": [{name: []} for name in route.security],
    }
    if route.more:
        operation["description"] = route.more
    if route.takes:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": _ref(route.takes)}}}
    return operation


def _answer(model: type[BaseModel] | str) -> Json:
    if isinstance(model, str):
        return {"description": "as it is", "content": {model: {}}}
    about = (model.__doc__ or "").strip()
    return {"description": about, "content": {"application/json": {"schema": _ref(model)}}}


def _query(route: Route) -> list[Json]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema(ref_template=REF)
    defined, needed = schema.get("$defs", {}), schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in needed,
            "description": field_schema.get("description", ""),
            "schema": _inline({key: value for key, value in field_schema.items() if key != "description"}, defined),
        }
        for name, field_schema in schema["properties"].items()
    ]


def _inline(schema: Any, defined: Json) -> Any:
    """Replace each reference by its definition, because parameters have no definitions of their own."""
    if isinstance(schema, list):
        return [_inline(part, defined) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inline(defined[schema["$ref"].rsplit("/", 1)[1]], defined)
    return {key: _inline(value, defined) for key, value in schema.items()}


def _header(name: str, about: str) -> Json:
    return {"name": name, "in": "header", "required": False, "description": about, "schema": {"type": "string"}}


def _ref(model: type[BaseModel]) -> Json:
    return {"$ref": REF.format(model=model.__name__)}
