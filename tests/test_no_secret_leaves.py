"""No secret of an installation is in anything that it says: terminal, logs, HTTP answers, records."""

import io
import logging
import shutil
import sqlite3

import pytest

from backend.app import create_app
from loop import jobs
from loop.errors import LoopError
from loop.settings import Settings
from loop.wiring import build
from tests.builders import CONFIG
from tests.cli.builders import SERVERS, calls, commands, files
from tests.terminal import loop

KEY = "5ecre7f3a9c1d2e4b5061728394a5b6c7d8e9f0a"
PASSWORDS = ("5ecre7-basic", "5ecre7-redis/1", "5ecre7-milvus", "5ecre7-notify", "5ecre7-hook", "5ecre7-studio")
BASIC, REDIS, MILVUS, NOTIFY, HOOK, STUDIO = PASSWORDS
SETTINGS = {
    "LABEL_STUDIO_URL": f"http://user:{STUDIO}@127.0.0.1:1",
    "BASIC_AUTH_USER": "user",
    "BASIC_AUTH_PASS": BASIC,
    "LOOP_REDIS_URL": f"redis://:{REDIS.replace('/', '%2F')}@127.0.0.1:1/0",
    "LOOP_MILVUS_URI": f"http://root:{MILVUS}@127.0.0.1:1",
    "LOOP_NOTIFY_URLS": f"http://user:{NOTIFY}@127.0.0.1:1/?token={NOTIFY}",
    "LOOP_NOTIFY_SECRET": NOTIFY,
    "LOOP_WEBHOOK_SECRET": HOOK,
}
SECRETS = (("deliveries", "secret"), ("tokens", "login"))  # commands that are there to print one
KEYS = {
    "with a newline": f"{KEY}\n",
    "with a newline within": f"{KEY[:30]}\n{KEY[30:]}",
    "not ASCII": f"{KEY}é",
    "with its scheme": f"Token {KEY}",
    "half a JWT": f"eyJhbGciOiJIUzI1NiJ9.{KEY}.x",
    "as it is": KEY,
}


def asked(key):
    """Requests that name the key wherever somebody may put it."""
    tasks = [
        {"id": 1, "data": {"image": f"http://user:{NOTIFY}@127.0.0.1:1/a.jpg?X-Amz-Signature={key}"}},
        {"id": 2, "data": {"image": "/data/upload/1/a.jpg"}},
        {"id": 3, "data": {"image": f"ftp://{key}/a.jpg"}},
    ]
    return [
        ("POST", "/setup", {"project": "1.0", "schema": CONFIG}),
        ("POST", "/setup", {"project": "1.0", "schema": f"<View>{key}"}),
        ("POST", "/predict", {"project": "1.0", "label_config": CONFIG, "tasks": tasks}),
        ("POST", "/webhook", {"action": "ANNOTATION_CREATED", "project": {"id": 1, "token": key}}),
        ("POST", "/webhook", {"action": key}),
        ("POST", "/api/projects/1/retrain", {}),
        ("GET", "/api/projects/1/rates", None),
        ("GET", f"/api/{key}", None),
        ("GET", "/versions", None),
        ("GET", "/metrics", None),
    ]


@pytest.fixture
def logged():
    """All that is logged, by whomever."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.setLevel(before)
    root.removeHandler(handler)


@pytest.fixture(params=KEYS.values(), ids=KEYS)
def home(request, tmp_path, monkeypatch, empty_records):
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(empty_records, home)
    rooms = build(Settings.read({"LOOP_HOME": str(home)}))
    rooms.studio.projects.save(1, "Cars", CONFIG)
    rooms.close()
    for name, value in {**SETTINGS, "LABEL_STUDIO_API_KEY": request.param, "LOOP_HOME": str(home)}.items():
        monkeypatch.setenv(name, value)
    return home


def assert_no_secret_in(text):
    leaked = [secret for secret in ("5ecre7", KEY[6:20], KEY[30:]) if secret in text]
    assert not leaked, text[max(0, text.find(leaked[0]) - 200) :][:400]


def test_no_command_prints_or_logs_a_secret(home, logged, tmp_path):
    paths = files(tmp_path / "files")
    for path, command in commands():
        if path[-1] in SERVERS or path in SECRETS:
            continue
        arguments = next(calls(command, paths), [])

        ended = loop(*path, *arguments)

        assert_no_secret_in(ended.out + ended.err + logged.getvalue())
    assert_no_secret_in("".join(file.read_text() for file in home.glob("logs/*")))


def test_no_answer_of_the_web_part_has_a_secret(home, logged):
    try:
        client = create_app().test_client()
    except LoopError as error:
        assert_no_secret_in(f"{error!r} {error} {error.__cause__}")
        return
    for method, path, sent in asked(Settings.read().label_studio_api_key):
        answer = client.open(path, method=method, json=sent, auth=("user", BASIC))

        assert_no_secret_in(answer.text + str(answer.headers))
    assert_no_secret_in(logged.getvalue())


@pytest.mark.parametrize("name", ["review", "refresh", "sync", "rebuild", "index", "match", "discover", "retrain"])
def test_no_job_that_fails_has_a_secret_in_its_trace_or_the_records(home, logged, name):
    try:
        getattr(jobs, name)(1)
    except LoopError as error:
        logging.getLogger("rq").exception("failed")
        assert_no_secret_in(str(error))

    with sqlite3.connect(home / "loop.sqlite3") as connection:
        assert_no_secret_in("\n".join(connection.iterdump()))
    assert_no_secret_in(logged.getvalue())
