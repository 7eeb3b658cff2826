"""A gunicorn with our worker, one thread, and an app that answers much."""

import subprocess
import sys
from contextlib import contextmanager
from http import HTTPStatus

import httpx

from backend.door_worker import DoorWorker
from scripts.demo.label_studio import free_port
from tests.services import until

ANSWER = b"x" * 2**20


class QuickWorker(DoorWorker):
    """Waits for no client longer than a test does."""

    send_seconds = 0.2


def app(environ, start_response):
    """Answer `/much` with a megabyte, and all else with nothing."""
    content = ANSWER if environ["PATH_INFO"] == "/much" else b""
    start_response(f"{HTTPStatus.OK.value} OK", [("Content-Length", str(len(content)))])
    return [content]


@contextmanager
def one_thread():
    """The port of a running server."""
    port = free_port()
    options = ("--worker-class", f"{__name__}.QuickWorker", "--threads", "1", "--bind", f"127.0.0.1:{port}")
    process = subprocess.Popen([sys.executable, "-m", "gunicorn", *options, f"{__name__}:app"])
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
