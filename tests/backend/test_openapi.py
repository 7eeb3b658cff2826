"""The description of the API is of this API."""

import re

import pytest
from jsonschema import Draft202012Validator

from backend.openapi import ROUTES, document
from tests.backend.builders import AUTH, BULK, create
from tests.builders import CONFIG, created, ls_region, ls_task

SCHEMAS = document()["components"]["schemas"]
EXAMPLES = [
    pytest.param(name, example, id=f"{name}-{at}")
    for name, schema in SCHEMAS.items()
    for at, example in enumerate(schema.get("examples", []))
]


def errors(schema, value):
    whole = {**schema, "components": {"schemas": SCHEMAS}}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def test_every_route_of_the_app_is_in_it_and_no_other(app):
    routes = {
        (method.lower(), rule.rule)
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.endpoint != "static" and not rule.endpoint.startswith("dashboard.")
    }

    assert {(method, path) for path, methods in document()["paths"].items() for method in methods} == routes


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_route_asks_for_what_it_is_said_to_ask_for(client, method, path):
    answer = client.open(path, method=method.upper(), **({"json": {}} if method == "post" else {}))

    is_open = not document()["paths"][path][method]["security"]
    assert answer.status_code == (200 if is_open else 401)


def test_every_schema_is_a_schema():
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


def test_every_reference_leads_somewhere():
    names = set(re.findall(r"#/components/schemas/(\w+)", str(document())))

    assert names <= set(SCHEMAS)
    assert "BulkRequest" in names


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_every_example_is_what_its_schema_says(name, example):
    assert errors(SCHEMAS[name], example) == []


@pytest.mark.parametrize(
    "model",
    sorted({route.takes for route in ROUTES.values() if route.takes}, key=lambda model: model.__name__),
    ids=lambda model: model.__name__,
)
def test_what_is_taken_has_an_example_that_its_model_reads(model):
    for example in model.model_json_schema()["examples"]:
        model.model_validate(example)


def test_every_route_says_what_it_answers_when_something_is_wrong():
    for methods in document()["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                assert answer["description"]
                if int(status) >= 400:
                    assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


def test_every_route_that_takes_a_body_says_how_a_body_is_refused():
    taking = [operation for methods in document()["paths"].values() for operation in methods.values()]
    answers = [set(operation["responses"]) for operation in taking if "requestBody" in operation]

    assert len(answers) == 4
    assert all(answer >= {"400", "408", "413", "503"} for answer in answers)


EVENT = {**created(ls_region()), "action": "START_TRAINING", "project": {"id": 1}}
ASKED = [
    ("get", "/", None, 200),
    ("get", "/health", None, 200),
    ("post", "/setup", {"project": "1", "schema": CONFIG}, 200),
    ("post", "/setup", {"project": "1"}, 400),
    ("post", "/predict", {"project": "1", "label_config": CONFIG, "tasks": [ls_task()]}, 200),
    ("post", "/predict", [], 400),
    ("post", "/webhook", EVENT, 202),
    ("get", "/versions", None, 200),
    ("get", "/versions?project=x", None, 400),
    ("get", "/metrics", None, 200),
    ("post", BULK, {"project": 1, "operations": [create()]}, 200),
    ("post", BULK, {"project": 1, "operations": [create(99), 5]}, 207),
    ("post", BULK, {"project": 77, "operations": []}, 404),
    ("get", "/loop/api/v1/verdicts?project=1", None, 200),
    ("get", "/loop/api/v1/openapi.json", None, 200),
    ("get", "/loop/api/v1/", None, 200),
]


@pytest.mark.parametrize(("method", "path", "sent", "status"), ASKED)
def test_what_is_answered_is_what_is_described(judged, method, path, sent, status):
    answer = judged.open(path, method=method.upper(), headers=AUTH, **({} if sent is None else {"json": sent}))

    assert answer.status_code == status
    described = document()["paths"][path.split("?")[0]][method]["responses"][str(status)]["content"]
    assert answer.mimetype in described
    schema = described[answer.mimetype].get("schema")
    assert not (schema and errors(schema, answer.json))


def test_the_page_names_every_route_and_loads_nothing(client):
    answer = client.get("/loop/api/v1/", headers=AUTH)

    assert answer.status_code == 200
    for path in document()["paths"]:
        assert f" {path}</code>" in answer.text
    assert not re.findall(r"<(?:script|link|img|iframe)|src=|url\(|@import", answer.text)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
