"""Reviews in bulk on a real Label Studio: they come back by webhook, and none is made twice however we die."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from standardwebhooks import Webhook

from loop.delivery import standard_key
from loop.reviews.verdict_query import VerdictFilter
from loop.wiring import build
from tests.fakes import receiver
from tests.services import loop_running, make_project, run_loop, settings_of, until

pytestmark = pytest.mark.timeout(300)
TASKS = 12
NEW = {"label": "item", "box": [0.05, 0.05, 0.15, 0.2]}


@pytest.fixture(scope="module")
def told():
    with receiver() as one:
        yield one


@pytest.fixture(scope="module")
def own(label_studio, tmp_path_factory, told):
    """A loop of its own that tells a receiver what happens."""
    home = tmp_path_factory.mktemp("bulk") / "home"
    settings = settings_of(
        label_studio, home, LOOP_NOTIFY_URLS=told.url, LOOP_NOTIFY_SECRET="s3cret", LOOP_SCORE_THRESHOLD="0.05"
    )
    with loop_running(settings), closing(build(settings)) as rooms:
        yield settings, rooms


@pytest.fixture
def project(api, own):
    """A connected project whose tasks are predicted, with their ids."""
    settings, rooms = own
    project_id, annotator = make_project(api, "Bulk", TASKS, labels=("item",), seed=12)
    run_loop(settings, "connect", "--project", str(project_id))
    until(lambda: len(rooms.serving.predictions.newest(project_id, range(1, 10_000))) == TASKS, 90)
    return project_id, task_ids(api, project_id), annotator


def task_ids(api, project_id):
    tasks = api.get("/api/tasks", params={"project": project_id, "page_size": 100}).json()["tasks"]
    return sorted(task["id"] for task in tasks)


def annotations(api, task_id):
    return api.get(f"/api/tasks/{task_id}/annotations/").json()


def bulk(settings, project_id, *operations, key=None):
    return httpx.post(
        f"{settings.backend_url}/loop/api/v1/annotations/bulk",
        json={"project": project_id, "operations": operations},
        auth=(settings.basic_auth_user, settings.basic_auth_pass),
        headers={"Idempotency-Key": key} if key else {},
        timeout=100,
    )


def verdicts(rooms, project_id, **wanted):
    return list(rooms.reviews.verdicts.all(VerdictFilter(project=project_id, **wanted)))


def predicted_region(rooms, project_id, tasks):
    """A task with a predicted region, and the region."""
    newest = rooms.serving.predictions.newest(project_id, tasks)
    return next((task, one.regions[0]) for task, one in newest.items() if one.regions)


def plain(region, **changed):
    box = region.box
    return {"id": region.id, "label": region.label, "box": [box.x0, box.y0, box.x1, box.y1], **changed}


def test_bulk_reviews_flow_as_an_annotators_do_and_say_whose_they_are(api, own, project, told):
    settings, rooms = own
    project_id, tasks, annotator = project
    reviewed = annotator.review_next()
    bulk_tasks = [task for task in tasks if task != reviewed]
    first = bulk(
        settings, project_id, *({"operation": "create", "task": task, "regions": []} for task in bulk_tasks[:2])
    )
    made, gone = (one["id"] for one in first.json()["results"])
    task, region = predicted_region(rooms, project_id, bulk_tasks[2:])
    why = {"actor": "second-look", "confidence": 0.9, "reasoning": "plain to see", "lead_time": 1.5}

    answer = bulk(
        settings,
        project_id,
        {"operation": "create", "task": task, "regions": [plain(region), NEW], **why},
        {"operation": "update", "annotation": made, "regions": [NEW], **why},
        {"operation": "delete", "annotation": gone},
        {"operation": "create", "task": task, "regions": [{**NEW, "label": "thing"}]},
        {"operation": "create", "task": 10**6, "regions": []},
    )

    assert answer.status_code == 207
    assert [one["success"] for one in answer.json()["results"]] == [True, True, True, False, False]
    assert answer.json()["results"][3]["error"].startswith("operations[3].regions[0].label: expected one of item")
    until(lambda: set(rooms.reviews.store.counted(project_id)) == {reviewed, bulk_tasks[0], task}, 30)
    found = until(lambda: verdicts(rooms, project_id, actor="second-look", task=task), 30)
    decisions = Counter(one.decision.value for one in found)
    shown = len(rooms.serving.predictions.newest(project_id, [task])[task].regions)
    assert decisions == Counter(confirmed=1, missed=1, false_positive=shown - 1) + Counter()
    assert {(one.source, one.confidence, one.reasoning, one.lead_time) for one in found} == {
        ("bulk", 0.9, "plain to see", 1.5)
    }
    assert all(one.execution for one in found)
    assert {one.source for one in verdicts(rooms, project_id, task=reviewed)} == {"editor"}

    run_loop(settings, "rebuild", "--project", str(project_id))
    assert verdicts(rooms, project_id, actor="second-look", task=task) == found  # the sweep reads the same times

    (stored,) = annotations(api, task)
    api.patch(f"/api/annotations/{stored['id']}/", json={"result": [], "lead_time": 3}).raise_for_status()
    until(lambda: {one.source for one in verdicts(rooms, project_id, task=task)} == {"editor"}, 30)
    lines = run_loop(settings, "verdicts", "--project", str(project_id), "--task", str(task)).splitlines()
    assert [json.loads(line)["decision"] for line in lines] == ["false_positive"] * shown

    until(lambda: task in {json.loads(body)["data"].get("task") for _, body in told.got}, 60)
    sent, body = next(one for one in told.got if json.loads(one[1])["kind"] == "review.recorded")
    assert Webhook(standard_key("s3cret")).verify(body, dict(sent), json_parse=False) is None
    assert "review.recorded" in run_loop(settings, "deliveries")


def test_the_same_request_again_makes_nothing_again(api, own, project):
    settings, _ = own
    project_id, tasks, _ = project
    operations = [{"operation": "create", "task": task, "regions": [NEW]} for task in tasks[:4]]
    first = bulk(settings, project_id, *operations, key="night-1")

    again = bulk(settings, project_id, *operations, key="night-1")

    assert (first.status_code, again.status_code) == (200, 200)
    assert [one["id"] for one in again.json()["results"]] == [one["id"] for one in first.json()["results"]]
    assert [len(annotations(api, task)) for task in tasks[:4]] == [1] * 4
    assert bulk(settings, project_id, *operations[1:], key="night-1").json()["failed"] == 3  # the positions moved


@contextmanager
def proxy(target, after_answer):
    """Label Studio's address of its own; *after_answer* may act once Label Studio has answered a write."""

    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {
                key: value for key, value in self.headers.items() if key.lower() in ("authorization", "content-type")
            }
            answer = httpx.request(self.command, target + self.path, content=body, headers=headers, timeout=60)
            is_write = self.command != "GET" and "/annotations/" in self.path
            if is_write and after_answer() is False:
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            for key in ("Content-Type", "Date"):
                if key in answer.headers:
                    self.send_header(key, answer.headers[key])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PATCH = do_DELETE = _pass_on  # noqa: N815 (as http.server wants them)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def importing(settings, file, project_id):
    return subprocess.Popen(
        [sys.executable, "-m", "loop.cli.main", "annotations", "import", str(file), "--project", str(project_id)],
        env={**os.environ, **settings.environment(), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines_of(path, operations):
    path.write_text("".join(json.dumps(one) + "\n" for one in operations))
    return path


def test_killed_between_label_studios_answer_and_our_record_a_second_import_makes_nothing_twice(
    api, own, project, tmp_path
):
    settings, rooms = own
    project_id, tasks, _ = project
    file = lines_of(
        tmp_path / "reviews.jsonl", [{"operation": "create", "task": task, "regions": [NEW]} for task in tasks]
    )
    running, answered = [], []

    def kill_at_the_third():
        answered.append(1)
        if len(answered) == 3:
            os.kill(running[0].pid, signal.SIGKILL)

    with proxy(settings.label_studio_url, kill_at_the_third) as address:
        killed = settings.model_copy(update={"label_studio_url": address})
        with importing(killed, file, project_id) as process:
            running.append(process)
            process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
    assert [len(annotations(api, task)) for task in tasks] == [1] * 3 + [0] * (TASKS - 3)

    said = run_loop(settings, "annotations", "import", str(file), "--project", str(project_id))

    assert said.splitlines()[-1] == f"{TASKS} done, 2 of them before; 0 failed"
    assert [len(annotations(api, task)) for task in tasks] == [1] * TASKS
    until(lambda: len(verdict_tasks(rooms, project_id)) == TASKS, 30)
    assert "12 of them before" in run_loop(settings, "annotations", "import", str(file), "--project", str(project_id))


def verdict_tasks(rooms, project_id):
    return {one.task for one in verdicts(rooms, project_id) if one.source == "bulk"}


def test_label_studio_that_goes_away_in_the_middle_fails_the_rest_and_a_retry_goes_on(own, api, project, tmp_path):
    settings, _ = own
    project_id, tasks, _ = project
    file = tmp_path / "reviews.json"
    file.write_text(json.dumps([{"operation": "create", "task": task, "regions": [NEW]} for task in tasks]))
    answered = []

    def hang_up_at_the_third():
        answered.append(1)
        return len(answered) < 3

    with proxy(settings.label_studio_url, hang_up_at_the_third) as address:
        away = settings.model_copy(update={"label_studio_url": address})
        with importing(away, file, project_id) as running:
            said, _ = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "2 done, 0 of them before; 10 failed" in said
    assert len(answered) == 3  # the rest was not tried

    said = run_loop(settings, "annotations", "import", str(file), "--project", str(project_id))

    assert said.splitlines()[-1] == f"{TASKS} done, 2 of them before; 0 failed"
    assert [len(annotations(api, task)) for task in tasks] == [1] * TASKS


@pytest.mark.long
def test_a_deletion_and_an_update_again_are_no_second_ones(api, own, project):
    settings, _ = own
    project_id, tasks, _ = project
    made = bulk(settings, project_id, *({"operation": "create", "task": task, "regions": []} for task in tasks[:2]))
    first, second = (one["id"] for one in made.json()["results"])
    operations = [
        {"operation": "update", "annotation": first, "regions": [NEW], "key": f"u-{first}-{project_id}"},
        {"operation": "delete", "annotation": second, "key": f"d-{second}-{project_id}"},
    ]
    bulk(settings, project_id, *operations)
    (before,) = annotations(api, tasks[0])

    again = bulk(settings, project_id, *operations).json()

    assert [one["is_repeated"] for one in again["results"]] == [True, True]
    assert annotations(api, tasks[0])[0]["updated_at"] == before["updated_at"]
    assert annotations(api, tasks[1]) == []
