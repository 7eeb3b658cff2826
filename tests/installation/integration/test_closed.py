"""Without any setting an installation is closed, and Label Studio gets in, also after an upgrade."""

import json
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace

import httpx
import pytest

from loop.installation.doctor import doctor
from loop.installation.findings import Level
from loop.label_studio.states import CONNECTED
from loop.wiring import build
from tests.http_servers import serve
from tests.services import loop_running, make_project, run_loop, settings_of, until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def settings(label_studio, tmp_path_factory):
    home = tmp_path_factory.mktemp("closed")
    return settings_of(label_studio, home, BASIC_AUTH_USER="", BASIC_AUTH_PASS="")


class OldBackend(BaseHTTPRequestHandler):
    """Answers anybody, as the backend of before did without BASIC_AUTH_USER."""

    def do_GET(self):
        self.answer({"status": "UP"})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({"model_version": "yolo_detector@0.0.0"})

    def answer(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def backend_of(api, project_id):
    (backend,) = api.get("/api/ml/", params={"project": project_id}).raise_for_status().json()
    return backend


@pytest.fixture(scope="module")
def connected(api, settings):
    """A project that was connected without any setting: what was printed, and what each sender got."""
    project_id, _ = make_project(api, "Closed", 4, labels=("item",), seed=11)
    with loop_running(settings):
        lines = run_loop(settings, "connect", "--project", str(project_id))
        backend = backend_of(api, project_id)
        stranger = httpx.get(f"{settings.local_url}/versions").status_code
        trained = api.post(f"/api/ml/{backend['id']}/train", json={}).status_code
        with closing(build(settings)) as rooms:
            until(lambda: rooms.trainings.store.last(project_id, 1), 60)
        first = api.get("/api/tasks", params={"project": project_id, "page_size": 1}).json()["tasks"][0]["id"]
        until(lambda: api.get(f"/api/tasks/{first}").json()["predictions"], 60)
    return SimpleNamespace(id=project_id, lines=lines, backend=backend, stranger=stranger, trained=trained)


def test_label_studio_predicts_and_starts_trainings_by_the_login_of_its_project(connected):
    user = f"project-{connected.id}"

    assert f"with the user {user}" in connected.lines
    assert (connected.backend["basic_auth_user"], connected.backend["state"]) == (user, "CO")
    assert (connected.stranger, connected.trained) == (401, 200)


def test_a_backend_that_was_added_without_a_login_is_repaired_at_the_next_start(api, settings, connected):
    api.delete(f"/api/ml/{connected.backend['id']}").raise_for_status()
    with serve(OldBackend, settings.port):
        added = {"project": connected.id, "url": settings.backend_url, "title": "YOLO loop"}
        api.post("/api/ml/", json=added).raise_for_status()
        assert backend_of(api, connected.id)["auth_method"] == "NONE"

    with loop_running(settings):
        until(lambda: backend_of(api, connected.id)["basic_auth_user"], 60)
        state = backend_of(api, connected.id)["state"]
        with closing(build(settings)) as rooms:  # the parts have just started
            until(lambda: all(one.level is not Level.WRONG for one in doctor(rooms.installation, connected.id)), 60)
        found = run_loop(settings, "doctor", "--project", str(connected.id))

    assert state == "CO"
    assert f"Label Studio calls {settings.backend_url}: {CONNECTED}" in found
    assert "open to a login for each project" in found
