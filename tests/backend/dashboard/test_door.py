"""Who sees the pages, who acts in them, and what a browser is told."""

import re
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from backend import session
from backend.app import create_app
from backend.dashboard import csrf
from backend.dashboard.blueprint import ENTRIES, OF_INSTALLATION, OF_PROJECTS, dashboard
from loop.access.logins import Logins
from loop.settings import Settings
from tests.backend.builders import VERDICTS
from tests.backend.dashboard.builders import HOSTILE, PAGE, PROJECT, token_in_page

ROOT = Path(__file__).parents[3]
SIGN_OUT = "/loop/sign-out"  # an action that every sender may ask for


@pytest.fixture
def no_password(tmp_path):
    """A client of an app without any setting."""
    app = create_app(Settings.read({"LOOP_HOME": str(tmp_path / "no-password")}))
    yield app.test_client()
    app.extensions["rooms"].close()


def sign_in(client, *, is_read_only=False):
    ticket = client.application.extensions["rooms"].access.sign_ins.make("ann", is_read_only=is_read_only)
    return client.post("/loop/sign-in", data={"ticket": ticket})


def token_in(answer):
    return re.search(r'name="csrf_token" value="([^"]+)"', answer.text)[1]


def test_without_a_password_a_browser_is_asked_for_none_and_told_the_way_in(no_password):
    answer = no_password.get("/loop/", headers=PAGE)

    assert (answer.status_code, answer.mimetype) == (401, "text/html")
    assert "<code>loop dashboard</code>" in answer.text
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_with_a_password_a_browser_is_asked_for_it(client):
    answer = client.get("/loop/", headers=PAGE)

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="label-studio-yolo-loop"')


def test_a_program_gets_its_errors_as_json(operator):
    assert operator.get("/loop/projects/77/").json["type"] == "UnknownProject"
    assert operator.get(f"{VERDICTS}?project=77", headers=PAGE).json["type"] == "UnknownProject"
    assert operator.get("/loop/nothing").json["type"] == "NotFound"


@pytest.mark.parametrize(
    "path", ["/loop/nothing", "/loop/projects/77/", f"/loop/projects/{10**30}/", "/loop/projects/0/"]
)
def test_a_person_gets_errors_as_pages(operator, path):
    answer = operator.get(path, headers=PAGE)

    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_label_studio_sees_no_page(filled):
    login = Logins(filled.extensions["rooms"].access.logins.secrets).of_project(1)

    for path in ("/loop/", "/loop/projects/1/", f"/loop/projects/{PROJECT}/"):
        assert filled.test_client().get(path, auth=(login.user, login.password)).status_code == 403


def test_a_link_opens_the_pages_and_nothing_of_the_api(no_password):
    assert sign_in(no_password).status_code == 303

    assert no_password.get("/loop/", headers=PAGE).status_code == 200
    assert no_password.get("/loop/nothing", headers=PAGE).status_code == 404
    assert no_password.get("/loop", headers=PAGE).headers["Location"].endswith("/loop/")
    assert no_password.get(f"{VERDICTS}?project=1").status_code == 401
    assert no_password.get("/metrics").status_code == 401


def test_a_wrong_link_opens_nothing(no_password):
    answer = no_password.post("/loop/sign-in", data={"ticket": "x"}, headers=PAGE)

    assert (answer.status_code, "Set-Cookie" in answer.headers) == (403, False)
    assert no_password.get("/loop/").status_code == 401


def test_a_cookie_ends_after_its_hours(no_password, monkeypatch):
    monkeypatch.setattr(session, "LASTS", timedelta(0))
    sign_in(no_password)

    assert no_password.get("/loop/").status_code == 401


def test_a_cookie_of_another_key_opens_nothing(no_password, filled):
    sign_in(no_password)
    cookie = no_password.get_cookie("loop_session", path="/loop/").value
    other = filled.test_client()
    other.set_cookie("loop_session", cookie, path="/loop/")

    assert other.get("/loop/").status_code == 401


def test_a_reader_looks_and_does_nothing(no_password):
    sign_in(no_password, is_read_only=True)
    shown = no_password.get("/loop/")

    answer = no_password.post("/loop/jobs/x/cancel", data={"csrf_token": token_in(shown)}, headers=PAGE)

    assert (shown.status_code, answer.status_code) == (200, 403)
    assert "may look only" in shown.text


@pytest.mark.parametrize("is_read_only", [False, True])
def test_whoever_signed_in_signs_out(no_password, is_read_only):
    sign_in(no_password, is_read_only=is_read_only)
    token = token_in(no_password.get("/loop/"))

    assert no_password.post(SIGN_OUT, data={"csrf_token": token}, headers=PAGE).status_code == 303
    assert no_password.get("/loop/", headers=PAGE).status_code == 401


def acting(operator, headers, **fields):
    return operator.post(SIGN_OUT, data=fields, headers=headers).status_code


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8080"},
        {"Origin": "http://[bad"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
    ],
    ids=str,
)
def test_a_form_of_another_site_is_refused(operator, headers):
    token = token_in_page(operator)

    assert acting(operator, headers, csrf_token=token) == 403


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}]
)
def test_a_form_of_our_own_page_is_taken(operator, headers):
    assert acting(operator, headers, csrf_token=token_in_page(operator)) == 303


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é"])
def test_a_form_without_its_token_is_refused(operator, token):
    assert acting(operator, {}, csrf_token=token) == 403


def test_the_token_of_another_sender_is_refused(filled, operator):
    program = filled.extensions["rooms"].access.tokens.add("program", is_read_only=False)
    token = token_in_page(filled.test_client(), {"Authorization": f"Bearer {program}"})

    assert acting(operator, {}, csrf_token=token) == 403


def test_an_old_token_is_refused(operator, monkeypatch):
    token = token_in_page(operator)
    monkeypatch.setattr(csrf, "LASTS", -1)

    assert acting(operator, {}, csrf_token=token) == 403


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"json": {}}, 415),
        ({"data": b"\xff=1", "content_type": "application/x-www-form-urlencoded"}, 400),
        ({"data": "&".join(["a=1"] * 10_001), "content_type": "application/x-www-form-urlencoded"}, 400),
        ({"data": "a" * (2**20 + 1), "content_type": "application/x-www-form-urlencoded"}, 413),
        ({"data": {"csrf_token": "x"}, "content_type": "multipart/form-data"}, 415),
    ],
    ids=["json", "no-utf-8", "many-fields", "large", "multipart"],
)
def test_a_body_that_is_no_form_of_ours_is_refused(operator, sent, status):
    assert operator.post(SIGN_OUT, **sent).status_code == status


def test_every_page_has_the_headers_that_keep_others_out(operator):
    headers = operator.get("/loop/").headers

    assert "unsafe" not in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert (headers["X-Content-Type-Options"], headers["Cache-Control"]) == ("nosniff", "no-store")


def test_hostile_names_stand_as_text(operator):
    text = operator.get(f"/loop/projects/{PROJECT}/").text

    assert "<img src=x" not in text
    assert "49" not in re.findall(r"alert\(1\)(?:&gt;)(.{2})", text)
    assert "{{7*7}}" in text
    assert HOSTILE not in text


def test_every_action_is_a_post_and_every_page_a_get(filled):
    methods = [
        rule.methods - {"HEAD", "OPTIONS"}
        for rule in filled.url_map.iter_rules()
        if rule.endpoint.startswith("dashboard.")
    ]

    assert all(each in ({"GET"}, {"POST"}, {"GET", "POST"}) for each in methods)
    assert sum(each == {"GET", "POST"} for each in methods) == 1  # to sign in
    assert dashboard.url_prefix == "/loop"


def test_every_entry_has_its_place_in_the_navigation(filled):
    assert set(ENTRIES) <= {*OF_PROJECTS, *OF_INSTALLATION}
    assert {"Overview", "Jobs", "Doctor", "Events", "Audit trail"} <= set(ENTRIES)


def test_the_package_ships_templates_and_static_files():
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["backend"]
    shipped = {path for pattern in patterns for path in (ROOT / "backend").glob(pattern)}
    files = {
        path
        for folder in ("static", "templates")
        for path in (ROOT / "backend" / "dashboard" / folder).rglob("*")
        if path.is_file()
    }

    assert files <= shipped
    assert max(path.stat().st_size for path in files) < 250_000
