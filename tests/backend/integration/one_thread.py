"""A gunicorn with our worker, few threads and connections, and an app that answers much."""

import os
import subprocess
import sys
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import httpx

from backend.door_worker import DoorWorker
from scripts.demo.label_studio import free_port
from tests.services import until

ANSWER = b"x" * 2**20
MOST = 40  # connections of a process
READY = "TEST_READY_FILE"  # the file with which a process is ready; not set: it is ready at once


class QuickWorker(DoorWorker):
    """Waits for no client longer than a test does."""

    send_seconds = 0.2

    def is_ready(self):
        return READY not in os.environ or Path(os.environ[READY]).exists()


def app(environ, start_response):
    """Answer `/much` with a megabyte, `/pid` with the process, and all else with nothing."""
    content = {"/much": ANSWER, "/pid": str(os.getpid()).encode()}.get(environ["PATH_INFO"], b"")
    start_response(f"{HTTPStatus.OK.value} OK", [("Content-Length", str(len(content)))])
    return [content]


@contextmanager
def one_thread(processes=1, **environment):
    """The port of a running server of processes with one thread each."""
    port = free_port()
    options = (
        *("--worker-class", f"{__name__}.QuickWorker", "--threads", "1", "--worker-connections", str(MOST)),
        *("--workers", str(processes), "--bind", f"127.0.0.1:{port}"),
    )
    command = [sys.executable, "-m", "gunicorn", *options, f"{__name__}:app"]
    process = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        until(lambda: process.poll() is not None or answers(port), 30)
        assert process.poll() is None
        yield port
    finally:
        process.terminate()
        process.wait(30)


def answers(port, seconds=5):
    """Whether the server answers a new client in time."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", timeout=seconds).is_success
    except httpx.HTTPError:
        return False


def pids(port, times=20):
    """The processes that answer several requests, each on a connection of its own."""
    return {int(httpx.get(f"http://127.0.0.1:{port}/pid", timeout=5).text) for _ in range(times)}
