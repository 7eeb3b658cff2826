"""Who gets in at the door: by host, login or token, and nobody without."""

import json
from contextvars import Context

import pytest

from backend.app import create_app
from backend.openapi import ROUTES, document
from loop.access.logins import Logins
from loop.errors import PayloadError
from loop.settings import Settings
from loop.storage.actor import who_acts
from tests.backend.builders import AUTH, BULK, VERDICTS, create
from tests.builders import CONFIG


@pytest.fixture
def token(rooms):
    """Make a token and return its header."""

    def make(*, is_read_only):
        return {"Authorization": f"Bearer {rooms.access.tokens.add('program', is_read_only=is_read_only)}"}

    return make


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_without_any_setting_every_route_but_health_is_closed(tmp_path, host):
    app = create_app(Settings.read({"LOOP_HOME": str(tmp_path / "home"), "LOOP_HOST": host}))
    client = app.test_client()

    answers = {
        path: client.open(path, method=method.upper(), **({"json": {}} if method == "post" else {})).status_code
        for method, path in ROUTES
    }
    app.extensions["rooms"].close()

    assert {path for path, status in answers.items() if status == 200} == {"/", "/health"}
    assert {status for path, status in answers.items() if path not in ("/", "/health")} == {401}


def test_nothing_starts_without_a_key_that_logins_follow_from(tmp_path, empty_records):
    (tmp_path / "webhook.key").mkdir()

    with pytest.raises(PayloadError, match=r"^LOOP_HOME: expected .* the key .* or LOOP_WEBHOOK_SECRET"):
        create_app(Settings.read({"LOOP_HOME": str(tmp_path)}))


def test_the_login_of_a_project_opens_what_label_studio_calls_and_nothing_else(client, rooms):
    login = Logins(rooms.access.logins.secrets).of_project(1)
    auth = (login.user, login.password)
    config = {"schema": CONFIG, "label_config": CONFIG, "tasks": []}

    statuses = {
        "setup": client.post("/setup", json={"project": "1.5", **config}, auth=auth).status_code,
        "predict": client.post("/predict", json={"project": "1.5", **config}, auth=auth).status_code,
        "setup of another": client.post("/setup", json={"project": "2.5", **config}, auth=auth).status_code,
        "predict of another": client.post("/predict", json={"project": "2.5", **config}, auth=auth).status_code,
        "versions": client.get("/versions", auth=auth).status_code,
        "versions of another": client.get("/versions?project=2", auth=auth).status_code,
        "metrics": client.get("/metrics", auth=auth).status_code,
        "bulk": client.post(BULK, json={"project": 1, "operations": []}, auth=auth).status_code,
        "verdicts": client.get(f"{VERDICTS}?project=1", auth=auth).status_code,
    }

    assert {name for name, status in statuses.items() if status == 200} == {"setup", "predict", "versions"}
    assert {status for status in statuses.values() if status != 200} == {403}


def test_a_change_is_made_in_the_name_of_the_token(client, token):
    app, headers = client.application, token(is_read_only=True)

    def name_sender():
        with app.test_request_context(VERDICTS, headers=headers):
            app.preprocess_request()
            return who_acts()

    assert Context().run(name_sender) == "reader program"


def test_a_token_reads_and_writes(client, token):
    headers = token(is_read_only=False)

    assert client.get(f"{VERDICTS}?project=1", headers=headers).status_code == 200
    assert client.post(BULK, json={"project": 1, "operations": [create()]}, headers=headers).status_code == 200


def test_a_read_only_token_writes_nothing(client, token, rooms):
    headers = token(is_read_only=True)

    answer = client.post(BULK, json={"project": 1, "operations": [create()]}, headers=headers)

    assert (answer.status_code, answer.json["type"]) == (403, "Forbidden")
    assert client.get(f"{VERDICTS}?project=1", headers=headers).status_code == 200
    assert client.get("/metrics", headers=headers).status_code == 200
    assert rooms.studio.client.sent == []


@pytest.mark.parametrize("is_read_only", [False, True], ids=["a-writing-token", "a-read-only-token"])
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_token_opens_the_routes_that_the_description_says(client, token, method, path, is_read_only):
    security = document()["paths"][path][method]["security"]
    is_open = not security or ({"bearer": []} in security and not (is_read_only and method == "post"))

    sent = {"json": {}} if method == "post" else {}
    answer = client.open(path, method=method.upper(), headers=token(is_read_only=is_read_only), **sent)

    assert (answer.status_code not in (401, 403)) is is_open


def test_a_revoked_token_opens_nothing(client, token, rooms):
    headers = token(is_read_only=True)
    rooms.access.tokens.revoke("program")

    assert client.get("/metrics", headers=headers).status_code == 401


def test_no_token_sends_events(client, token, rooms):
    answer = client.post("/webhook", json={"action": "START_TRAINING", "project": 1}, headers=token(is_read_only=False))

    assert answer.status_code == 403
    assert not rooms.reviews.events.pending(1)


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "bearer loop_" + "x" * 43,
        "Digest username=x",
        "Basic ",
        "Basic =",
        "é",
        "Token x",
    ],
)
def test_an_odd_header_is_refused(client, header):
    assert client.get("/metrics", headers={"Authorization": header}).status_code == 401


@pytest.mark.parametrize("path", ["/versions", "/metrics", "/loop/api/v1/", "/webhook"])
def test_a_page_that_binds_its_name_to_our_address_is_refused_whatever_it_sends(client, path):
    method = "POST" if path == "/webhook" else "GET"

    answer = client.open(path, method=method, headers={**AUTH, "Host": "evil.example:9090"})

    assert (answer.status_code, answer.json["type"]) == (421, "ForeignHost")


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if route[0] == "post"])
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_no_route_acts_on_a_body_that_a_page_of_another_site_can_send(client, rooms, method, path, kind):
    body = json.dumps(
        {"action": "START_TRAINING", "project": 1, "operations": [create()], "tasks": [], "schema": CONFIG}
    )

    answer = client.open(path, method=method.upper(), data=body, content_type=kind, headers=AUTH)

    assert answer.status_code in (400, 415)
    assert rooms.studio.client.sent == []
    assert not rooms.reviews.events.pending(1)


def test_the_name_that_label_studio_is_given_is_ours(tmp_path):
    url = "https://loop.example.com/backend"
    app = create_app(Settings.read({"LOOP_HOME": str(tmp_path / "home"), "LOOP_URL": url}))
    client = app.test_client()

    statuses = [
        client.get("/metrics", headers={"Host": host}).status_code for host in ("loop.example.com", "other.example.com")
    ]
    app.extensions["rooms"].close()

    assert statuses == [401, 421]


def test_health_answers_under_any_name(client):
    assert client.get("/health", headers={"Host": "a-probe.example"}).status_code == 200
