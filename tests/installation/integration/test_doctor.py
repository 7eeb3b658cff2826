"""The doctor names what is broken on a real Label Studio, one thing at a time."""

import json
from contextlib import closing
from http.server import BaseHTTPRequestHandler

import pytest

from loop.installation.doctor import doctor
from loop.installation.findings import Level
from loop.wiring import build
from tests.http_servers import serve
from tests.services import make_project, project_of, run_loop, until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def project_id(api, loop_rooms, loop_settings):
    """A connected project whose tasks are all predicted."""
    project_id, _ = make_project(api, "Patient", 4, labels=("item",), seed=21)
    run_loop(loop_settings, "connect", "--project", str(project_id))
    until(lambda: project_of(api, project_id)["model_version"] == "yolo_detector@0.0.0", 90)
    return project_id


def unwell(rooms, project_id, check=None):
    """What is not well, by check."""
    findings = doctor(rooms.installation, project_id, seconds=30)
    return {one.check: one for one in findings if one.level != Level.OK and one.check in (check, check or one.check)}


def hooks(api, project_id):
    return api.get("/api/webhooks/", params={"project": project_id}).json()


def test_a_healthy_project_has_nothing_wrong(loop_rooms, loop_settings, project_id):
    found_all = doctor(loop_rooms.installation, project_id, seconds=30)

    assert [one for one in found_all if one.level == Level.WRONG] == []
    checks = {one.check for one in found_all if one.level == Level.OK}
    assert {
        "token",
        "label studio",
        "clock",
        "backend",
        "webhook",
        "storage",
        "images",
        "order",
        "predictions",
    } <= checks
    assert {"records", "web", "redis", "workers gpu", "workers default", "schedule", "disk", "weights"} <= checks
    output = run_loop(loop_settings, "doctor", "--project", str(project_id), "--json")
    assert len(json.loads(output)) == len(found_all)
    for secret in (
        loop_settings.label_studio_api_key,
        loop_settings.basic_auth_pass,
        loop_rooms.studio.backend.secret_of(project_id),
    ):
        assert secret not in output


def test_a_missing_and_a_switched_off_hook_are_told_and_repaired_by_the_advice(
    api, loop_rooms, loop_settings, project_id
):
    (hook,) = hooks(api, project_id)
    api.patch(f"/api/webhooks/{hook['id']}/", json={"url": hook["url"], "is_active": False}).raise_for_status()
    assert "switched off" in unwell(loop_rooms, project_id, "webhook")["webhook"].found

    api.delete(f"/api/webhooks/{hook['id']}/").raise_for_status()
    missing = unwell(loop_rooms, project_id, "webhook")["webhook"]
    assert "no webhook" in missing.found
    assert "SSRF_PROTECTION_ENABLED=false" in missing.advice

    assert f"loop sync --project {project_id}" in missing.advice
    assert "no new alert" in run_loop(loop_settings, "sync", "--project", str(project_id))
    assert unwell(loop_rooms, project_id, "webhook") == {}


def test_a_hook_with_another_secret_and_an_automatic_one_are_told(api, loop_rooms, loop_settings, project_id):
    (hook,) = hooks(api, project_id)
    headers = {**hook["headers"], "X-Loop-Secret": "stolen"}
    api.patch(f"/api/webhooks/{hook['id']}/", json={"url": hook["url"], "headers": headers}).raise_for_status()
    api.post("/api/webhooks/", json={"project": project_id, "url": hook["url"]}).raise_for_status()

    findings = [one for one in doctor(loop_rooms.installation, project_id, seconds=30) if one.check == "webhook"]

    assert [one.level for one in findings] == [Level.WRONG, Level.WARNING]
    assert "secret is not ours" in findings[0].found
    assert "stolen" not in findings[0].found
    run_loop(loop_settings, "sync", "--project", str(project_id))


@pytest.mark.parametrize(
    ("field", "broken", "word"),
    [
        ("sampling", "Sequential sampling", "Sequential sampling"),
        ("model_version", "", "the order of the queue is random"),
        ("show_collab_predictions", False, "do not see predictions"),
    ],
)
def test_an_order_that_does_not_follow_the_scores_is_told_and_repaired_by_the_advice(
    api, loop_rooms, loop_settings, project_id, field, broken, word
):
    findings = []

    def is_told() -> bool:  # once more where a job that was under way repaired it before the doctor looked
        api.patch(f"/api/projects/{project_id}/", json={field: broken}).raise_for_status()
        findings[:] = [one for one in doctor(loop_rooms.installation, project_id, seconds=30) if one.check == "order"]
        return any(word in one.found for one in findings)  # hiding the predictions empties model_version as well

    until(is_told, 60)
    assert all(f"loop connect --project {project_id}" in one.advice for one in findings)
    run_loop(loop_settings, "connect", "--project", str(project_id))
    until(lambda: unwell(loop_rooms, project_id, "order") == {}, 60)


def test_a_backend_at_another_address_is_told(loop_rooms, loop_settings, tmp_path, project_id):
    elsewhere = loop_settings.model_copy(update={"url": "http://127.0.0.1:9"})
    with closing(build(elsewhere)) as moved:
        wrong = unwell(moved, project_id)

    assert "does not answer" in wrong["web"].found
    assert f"there is one of ours at {loop_rooms.studio.backend.url}" in wrong["backend"].found
    assert "ours points to" in wrong["webhook"].found


class Backend(BaseHTTPRequestHandler):
    """Answers as an ML backend does."""

    setup_status = 200

    def _answer(self, status):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"status": "UP", "model_version": "x"}')

    def do_GET(self):
        self._answer(200)

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(self.setup_status)

    def log_message(self, *_):
        pass


def test_a_backend_that_label_studio_reaches_no_more_is_told(api, loop_settings, project_id, monkeypatch):
    with serve(Backend) as server:
        made = api.post("/api/ml/", json={"project": project_id, "url": server.url}).raise_for_status().json()
        theirs = build(loop_settings.model_copy(update={"url": server.url}))
        assert "backend" not in unwell(theirs, project_id, "backend")
        monkeypatch.setattr(Backend, "setup_status", 401)
        refused = unwell(theirs, project_id, "backend")["backend"]
    gone = unwell(theirs, project_id, "backend")["backend"]
    theirs.close()
    api.delete(f"/api/ml/{made['id']}/")
    for hook in hooks(api, project_id):
        if hook["url"].startswith(server.url):
            api.delete(f"/api/webhooks/{hook['id']}/")

    assert "error" in refused.found
    assert "repairs the login" in refused.advice
    assert "disconnected; it does not answer from here either" in gone.found
    assert "loop up" in gone.advice


@pytest.mark.parametrize("key", ["wrong" * 8, ""])
def test_a_wrong_key_is_told_and_nothing_else_is_tried(label_studio, loop_settings, project_id, key):
    with closing(build(loop_settings.model_copy(update={"label_studio_api_key": key}))) as locked:
        findings = doctor(locked.installation, project_id, seconds=30)

    (token,) = (one for one in findings if one.check == "token")
    assert token.level == Level.WRONG
    assert "LABEL_STUDIO_API_KEY" in token.advice
    assert not key or key not in f"{findings}"
    assert "webhook" not in {one.check for one in findings}


def test_a_label_studio_that_is_not_there_is_told_in_seconds(loop_settings, project_id):
    with closing(build(loop_settings.model_copy(update={"label_studio_url": "http://127.0.0.1:9"}))) as lost:
        findings = doctor(lost.installation, project_id)

    (finding,) = (one for one in findings if one.check == "label studio")
    assert "LABEL_STUDIO_URL" in finding.advice


def test_a_project_that_was_never_connected_is_told(loop_rooms, loop_settings):
    output = run_loop(loop_settings, "doctor", "--project", "99999", ok=False)

    assert "Traceback" not in output
    assert unwell(loop_rooms, 99999, "project")["project"].advice == "run `loop connect --project 99999`"


def test_images_that_cannot_be_read_are_told(api, loop_rooms):
    project_id, _ = make_project(api, "No images", 0, labels=("item",), seed=22)
    loop_rooms.studio.projects.save(project_id, "No images", project_of(api, project_id)["label_config"])
    tasks = [{"data": {"image": "http://127.0.0.1:9/a.jpg"}}, {"data": {"image": "/data/upload/0/none.jpg"}}]
    api.post(f"/api/projects/{project_id}/import", json=tasks).raise_for_status()

    findings = [one for one in doctor(loop_rooms.installation, project_id, seconds=30) if one.check == "images"]

    assert "LOOP_ALLOW_PRIVATE_ADDRESSES" in findings[0].advice
    assert "HTTP " in findings[1].found  # Label Studio answers 500 for an upload that is not there
