"""A kill of work that goes on for a while, at a random moment of it, and jobs that wait for nobody."""

import json
import os
import signal
import time
from contextlib import contextmanager

from tests.chaos.studio_proxy import SILENT, WELL
from tests.services import until

IMPORTED = 12  # reviews


@contextmanager
def import_killed(installation):
    """The command that makes reviews in bulk; run again, it makes none twice."""
    tasks = installation.open_tasks(IMPORTED)
    decided = {task["id"]: installation.annotator.decide(task) for task in tasks}
    file = installation.home.parent / "import.jsonl"
    operations = [
        {"operation": "create", "key": f"chaos-{task}", "task": task, "result": result}
        for task, (result, _) in decided.items()
    ]
    file.write_text("\n".join(json.dumps(operation) for operation in operations))
    process = installation.start_loop("annotations", "import", str(file))
    time.sleep(installation.random.uniform(0.5, 5.0))
    _kill(process)
    installation.loop("annotations", "import", str(file))
    installation.annotator.decided.update({task: decisions for task, (_, decisions) in decided.items()})
    yield


@contextmanager
def jobs_wait_for_nobody(installation):
    """Label Studio takes requests and never answers them, also after it is well again: every worker waits for it."""
    installation.proxy.become(SILENT)
    try:
        installation.rooms.queue.ask_sync(installation.project_id)
        installation.rooms.studio.projects.ask_refresh(installation.project_id)
        installation.rooms.queue.ask_refresh(installation.project_id)
        until(lambda: installation.proxy.unanswered >= 2, 60)
        yield
    finally:
        installation.proxy.become(WELL)


def _kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
