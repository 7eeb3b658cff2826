"""Imports in bulk that are killed or cut off."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import httpx
import pytest

from tests.http_servers import serve
from tests.reviews.bulk.integration.builders import NEW, TASKS, annotations, verdicts
from tests.services import run_loop, until

pytestmark = pytest.mark.timeout(300)


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

    with serve(Handler) as server:
        yield server.url


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

    output = run_loop(settings, "annotations", "import", str(file), "--project", str(project_id))

    assert output.splitlines()[-1] == f"{TASKS} done, 2 of them before; 0 failed"
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
            output, _ = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "2 done, 0 of them before; 10 failed" in output
    assert len(answered) == 3  # the rest was not tried

    output = run_loop(settings, "annotations", "import", str(file), "--project", str(project_id))

    assert output.splitlines()[-1] == f"{TASKS} done, 2 of them before; 0 failed"
    assert [len(annotations(api, task)) for task in tasks] == [1] * TASKS
