"""Requests of whatever form: an answer, and none is an internal error."""

import json
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.app import create_app
from loop.label_studio.webhook import PROJECT_HEADER, SECRET_HEADER
from loop.serving.predictor import Predictor
from loop.settings import Settings
from tests.backend.builders import BULK, LOGIN, VERDICTS, client_of
from tests.builders import CONFIG, ls_task
from tests.fakes import FakeDetectors, FakeImages, FakeQueue
from tests.fuzzing import JSON_PIECES, Parser, as_json, damaged, damaged_texts, encoded, feed_few, feed_many, json_like
from tests.label_studio.interactive.builders import call, point, rectangle
from tests.mutants import BAD, CAR, EVENTS, OPERATION, RAW, few, full_task, mutants
from tests.reviews.bulk.fakes import BulkStudio
from tests.samples import URL, XML
from tests.swap import swap


@pytest.fixture(scope="module")
def app(empty_records, tmp_path_factory):
    home = tmp_path_factory.mktemp("fuzz-app")
    shutil.copy(empty_records, home)
    app = create_app(Settings.read({"LOOP_HOME": str(home), "LABEL_STUDIO_API_KEY": "k", **LOGIN}))
    built = app.extensions["rooms"]
    rooms = swap(
        built,
        (built.queue, FakeQueue()),
        (built.vision.images, FakeImages()),
        (built.registry.detectors, FakeDetectors(CAR)),
    )
    rooms.studio.projects.save(1, "Cars", CONFIG)
    (home / "some.pt").write_bytes(b"weights")
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, home / "some.pt").name, "first")
    app.extensions.update(rooms=swap(rooms, (rooms.studio.client, BulkStudio(3))), predictor=Predictor(rooms.serving))
    yield app
    built.close()


def post(app, path, body, **headers):
    data = json.dumps(body)
    return client_of(app).post(path, data=data, headers=headers, content_type="application/json")


def is_answered(answer):
    return answer.status_code < 500 and answer.json is not None and (answer.status_code < 400 or answer.json["error"])


@pytest.mark.parametrize("kind", EVENTS)
@given(data=st.data())
@settings(few, max_examples=40)
def test_events_that_are_sent(app, kind, data):
    rooms = app.extensions["rooms"]
    headers = {PROJECT_HEADER: "1", SECRET_HEADER: rooms.studio.backend.secret_of(1)}

    answer = post(app, "/webhook", data.draw(mutants(EVENTS[kind])), **headers)

    assert answer.status_code in (202, 400)
    assert is_answered(answer)
    assert post(app, "/webhook", EVENTS[kind], **headers).status_code == 202


@given(data=st.data())
@few
def test_tasks_to_predict(app, data):
    def body(*tasks):
        return {"tasks": tasks, "project": "1.5", "label_config": CONFIG}

    bad = data.draw(mutants(full_task(BAD, 1)))
    alone = post(app, "/predict", body(ls_task(1), ls_task(3))).json["results"]

    answer = post(app, "/predict", body(ls_task(1), bad, ls_task(3)))

    assert answer.status_code == 200
    first, middle, last = answer.json["results"]
    assert [first, last] == alone
    assert middle["result"] or answer.json["errors"]


@given(config=damaged_texts(CONFIG, pieces=XML))
@few
def test_label_configs(app, config):
    tasks = {"tasks": [ls_task(1)], "project": "1", "label_config": config}

    answers = [post(app, "/setup", {"project": "1", "schema": config}), post(app, "/predict", tasks)]

    assert all(answer.status_code in (200, 400) and is_answered(answer) for answer in answers)
    assert post(app, "/predict", {**tasks, "label_config": CONFIG}).json["results"][0]["result"]


def bodies(*goods):
    """Bodies of requests: JSON with other values, and texts and bytes that are no JSON any more."""
    return encoded(as_json(json_like(*goods)) | damaged_texts(*map(json.dumps, goods), pieces=JSON_PIECES))


def send_body(path, *statuses):
    def send(content, app):
        headers = {PROJECT_HEADER: "1", SECRET_HEADER: app.extensions["rooms"].studio.backend.secret_of(1)}
        answer = client_of(app).post(path, data=content, headers=headers, content_type="application/json")
        assert is_answered(answer)
        assert answer.status_code in statuses

    return send


def send_query(path):
    def send(query, app):
        as_wsgi = query.encode("utf-8", "surrogatepass").decode("latin-1")
        answer = client_of(app).get(path, environ_overrides={"QUERY_STRING": as_wsgi})
        assert is_answered(answer)
        assert answer.status_code in (200, 400, 404)

    return send


GOOD_HEADERS = (
    *("Basic dXNlcjpwYXNz", "basic cHJvamVjdC0xOg==", "Bearer loop_" + "a" * 43, "Digest a"),
    *("application/json; charset=utf-8", "localhost:9090", "1"),
)
HEADERS = ("Authorization", "Host", "Content-Type", "Idempotency-Key", PROJECT_HEADER, SECRET_HEADER, "Content-Length")
PIECES = (*'\0\t:;,="\\ü\xff', "é" * 40, "=" * 3, "a" * 5000, "9" * 30, "-1", "charset=x")
IN_HEADERS = damaged(GOOD_HEADERS, PIECES) | st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]))


def send_headers(values, app):
    client = client_of(app)
    assert is_answered(client.get("/versions", headers=values))
    for path in ("/webhook", "/predict", BULK):
        answer = client.post(path, data=b'{"action": "TASKS_CREATED"}', headers=values)
        assert is_answered(answer)
        assert answer.status_code >= 400  # no header is the secret of a webhook


PREDICT = {"tasks": [full_task(BAD, 1)], "project": "1.5", "label_config": CONFIG, "params": {"context": None}}
CLICK = call(rectangle(10, 10, 30, 30, "Car"), point(25, 25, "Person", is_positive=False))
SETUP, OPERATIONS = {"project": "1.5", "schema": CONFIG}, {"project": 1, "operations": [OPERATION, RAW]}
QUERIES = ("project=1&since=2026-01-01T00:00:00Z&decision=corrected&limit=10&is_shadow=true&label=Car", "project=1")
IN_QUERIES = damaged_texts(*QUERIES, pieces=("&", "=", "+", "cursor=WyJhIl0", *URL))
DOORS = {
    "event": Parser(bodies(*EVENTS.values()), send_body("/webhook", 202, 400), 20_000),
    "predict": Parser(bodies(PREDICT), send_body("/predict", 200, 400), 10_000),
    "click-tool": Parser(bodies(CLICK), send_body("/predict", 200, 400), 10_000),
    "setup": Parser(bodies(SETUP), send_body("/setup", 200, 400), 10_000),
    "bulk": Parser(bodies(OPERATIONS), send_body(BULK, 200, 207, 400, 404), 10_000),
    "verdicts": Parser(IN_QUERIES, send_query(VERDICTS), 10_000),
    "versions": Parser(IN_QUERIES, send_query("/versions"), 10_000),
    "headers": Parser(st.dictionaries(st.sampled_from(HEADERS), IN_HEADERS, min_size=1), send_headers, 10_000),
}


FEW = 60  # requests of the short run


@pytest.mark.parametrize("name", DOORS)
def test_few_requests_get_no_internal_error(app, name):
    feed_few(DOORS[name], app, FEW)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", DOORS)
def test_many_requests_get_no_internal_error(app, name):
    feed_many(DOORS[name], app)


@pytest.mark.parametrize("path", ["/versions", VERDICTS])
def test_a_query_that_is_no_utf_8_is_refused(app, path):
    answer = client_of(app).get(path, environ_overrides={"QUERY_STRING": "project=\xed\xa0\x80"})

    assert answer.status_code == 400
    assert answer.json["field"] == "query"
