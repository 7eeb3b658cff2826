"""A backend under a real gunicorn, clients that hold it, and a clock on the routes that must never wait."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler

import httpx
import psutil

from loop.label_studio.webhook import PROJECT_HEADER, SECRET_HEADER
from loop.settings import Settings
from loop.wiring import build
from scripts.demo import scenes
from scripts.demo.label_studio import free_port
from tests.builders import CONFIG, created, ls_region, ls_task
from tests.http_servers import serve
from tests.services import until

PROJECT = 1
AUTH = "Basic bG9vcDpjbG9zZWQgZG9vcg=="


def settings_in(home, studio="http://127.0.0.1:9", **more):
    """The settings of a backend in *home*; nothing listens on port 9."""
    return Settings.read(
        {
            "LOOP_HOME": str(home),
            "LABEL_STUDIO_URL": studio,
            "LABEL_STUDIO_API_KEY": "0123456789abcdef0123456789abcdef01234567",
            "BASIC_AUTH_USER": "loop",
            "BASIC_AUTH_PASS": "closed door",
            "LOOP_PORT": str(free_port()),
            "LOOP_BASE_WEIGHTS": str(scenes.WARM_START),
            "LOOP_IMAGE_SIZE": "128",
            "LOOP_EMBEDDER": "none",
            "LOOP_ALLOW_PRIVATE_ADDRESSES": "true",
            **more,
        }
    )


@contextmanager
def backend(settings):
    """The process of gunicorn, its detector in memory, and a client that can only be told things by it."""
    with closing(build(settings, migrate=True)) as rooms:
        rooms.studio.projects.save(PROJECT, "Busy", CONFIG)
    options = ("--config", "python:backend.gunicorn_options", "--bind", f"127.0.0.1:{settings.port}")
    log = settings.home / "web.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options, "backend.app:create_app()"],
            env={**os.environ, **settings.environment()},
            stdout=output,
            stderr=output,
        )
    try:
        with httpx.Client(base_url=settings.local_url, headers={"Authorization": AUTH}, timeout=60) as client:
            until(lambda: process.poll() is not None or _answers(client), 60)
            assert process.poll() is None, log.read_text()
            until(lambda: "is served by" in log.read_text(), 60)
            yield process, client
    finally:
        process.terminate()
        process.wait(30)


def resident(process):
    """The bytes of memory of the worker processes."""
    return sum(worker.memory_info().rss for worker in psutil.Process(process.pid).children())


def predict_body(*images):
    """A request for predictions of tasks with these images."""
    tasks = [ls_task(number, image) for number, image in enumerate(images, start=1)]
    return json.dumps({"tasks": tasks, "project": f"{PROJECT}.1", "label_config": CONFIG}).encode()


def head(path, length, *, protocol="HTTP/1.1"):
    """The head of a request whose body has *length* bytes; None: it comes in chunks, and tells no length."""
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = (f"POST {path} {protocol}", "Host: 127.0.0.1", f"Authorization: {AUTH}", "Content-Type: application/json")
    return "\r\n".join((*lines, size, "", "")).encode()


@contextmanager
def clients(settings, count, sent):
    """Connections that send some bytes, and then nothing, and stay open."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_connection(("127.0.0.1", settings.port), timeout=60))
            for _ in range(count)
        ]
        for each in sockets:
            each.sendall(sent)
        time.sleep(0.5)
        yield sockets


@contextmanager
def hanging_server():
    """A server that takes requests, and answers none."""

    class Hanging(BaseHTTPRequestHandler):
        def do_GET(self):
            time.sleep(20)

        def do_POST(self):
            time.sleep(20)

        def log_message(self, *_):
            pass

    with serve(Hanging) as server:
        server.daemon_threads = True
        server.block_on_close = False
        yield server


def slowest(client, settings, times=20):
    """
    The seconds that the slowest of several requests takes, by route; each on a connection of its own.

    The two slowest are left out: they tell of other work on this machine. Whoever waits for a thread, waits each time.
    """
    with closing(build(settings)) as rooms:
        secret = {PROJECT_HEADER: str(PROJECT), SECRET_HEADER: rooms.studio.backend.secret_of(PROJECT)}
    set_up = {"project": f"{PROJECT}.1", "schema": CONFIG, "hostname": "", "access_token": ""}
    asks = {
        "/health": lambda fresh: fresh.get("/health"),
        "/metrics": lambda fresh: fresh.get("/metrics"),
        "/setup": lambda fresh: fresh.post("/setup", json=set_up),
        "/webhook": lambda fresh: fresh.post("/webhook", json=created(ls_region()), headers=secret),
        "/loop/": lambda fresh: fresh.get("/loop/"),
        "/loop/projects/": lambda fresh: fresh.get(f"/loop/projects/{PROJECT}/"),
    }
    seconds = {}
    for route, ask in asks.items():
        taken = []
        for _ in range(times):
            with httpx.Client(base_url=client.base_url, headers=client.headers, timeout=30) as fresh:
                started = time.perf_counter()
                ask(fresh).raise_for_status()
                taken.append(time.perf_counter() - started)
        seconds[route] = sorted(taken)[-3]
    return seconds


def _answers(client):
    try:
        return client.get("/health", timeout=2).is_success
    except httpx.HTTPError:
        return False
