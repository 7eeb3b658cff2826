"""Label Studio's side of the webhook: real events, sent on a connection each, with a clock on every answer."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from loop.label_studio.webhook import PROJECT_HEADER, SECRET_HEADER
from scripts.bench.figures import quantile
from scripts.bench.installation import LoadedInstallation
from scripts.demo.annotator import Annotator

PATIENCE = 30.0  # seconds; Label Studio gives up after one
EVENT_BYTES = 7_700
MADE = "made-by-the-benchmark-"  # begins the `unique_id` of each annotation
FIRST_ID = 10_000_000  # of an annotation; none in Label Studio has such an id


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request was answered: its HTTP status, 0 without an answer, after a number of seconds."""

    status: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Latencies:
    """The answers of one round, in milliseconds."""

    a_second: float
    p50: float
    p99: float
    most: float
    errors: int

    @classmethod
    def of(cls, answers: list[Answer], seconds: float) -> Latencies:
        """Return the latencies of the answers that came within *seconds*."""
        taken = [1000 * answer.seconds for answer in answers]
        errors = sum(answer.status not in (200, 202) for answer in answers)
        return cls(len(answers) / seconds, quantile(taken, 0.5), quantile(taken, 0.99), max(taken), errors)


class EventSource:
    """Events of new annotations, made from a real one; every event has ids of its own."""

    def __init__(self, loaded: LoadedInstallation, project_id: int, real: Mapping[str, Any]) -> None:
        secret = loaded.rooms.studio.backend.secret_of(project_id)
        own = {PROJECT_HEADER: str(project_id), SECRET_HEADER: secret}
        self._headers = {"Content-Type": "application/json", "User-Agent": "python-requests", **own}
        self._real, self._ids = _fill(real), itertools.count(FIRST_ID)
        self._port = loaded.settings.port

    def send(self, task: Mapping[str, Any] | None = None, result: list[Any] | None = None) -> Answer:
        """Send the event of a new annotation, of a task and with a result where they are given."""
        event = deepcopy(self._real)
        annotation_id = next(self._ids)
        event["annotation"].update(id=annotation_id, unique_id=f"{MADE}{annotation_id}")
        event["task"].update(task if task is not None else {"id": annotation_id})
        event["annotation"]["task"] = event["task"]["id"]
        if result is not None:
            event["annotation"]["result"] = result
        return post(self._port, "/webhook", json.dumps(event).encode(), self._headers)

    @property
    def size(self) -> int:
        """The bytes of an event."""
        return len(json.dumps(self._real))


def post(port: int, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send one request on a connection of its own, as Label Studio does."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("POST", path, body, dict(headers))
        response = connection.getresponse()
        response.read()
        status = response.status
    except (OSError, http.client.HTTPException):
        status = 0
    finally:
        connection.close()
    return Answer(status, time.perf_counter() - began)


def send_at_once(source: EventSource, clients: int, seconds: float) -> list[Answer]:
    """Let each of the clients send one event after another, as fast as they are answered."""
    deadline = time.monotonic() + seconds

    def work(_: int) -> Iterator[Answer]:
        while time.monotonic() < deadline:
            yield source.send()

    return _together(clients, work)


def send_at_rate(source: EventSource, rate: float, seconds: float, seed: int) -> list[Answer]:
    """Send events at random moments, *rate* a second on average; each client waits for its answer."""
    clients, deadline = max(8, round(rate)), time.monotonic() + seconds

    def work(number: int) -> Iterator[Answer]:
        moments = random.Random(f"{seed}-{number}")
        due = time.monotonic()
        while (due := due + moments.expovariate(rate / clients)) < deadline:
            time.sleep(max(0.0, due - time.monotonic()))
            yield source.send()

    return _together(clients, work)


def capture(loaded: LoadedInstallation, project_id: int, annotator: Annotator) -> dict[str, Any]:
    """Review a task in Label Studio, and return the event that Label Studio sends of it."""
    events: list[dict[str, Any]] = []
    came = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            came.set()

        def log_message(self, *_: object) -> None:
            pass

    with _serving(Receiver) as url:
        webhook = {"project": project_id, "url": url, "actions": ["ANNOTATION_CREATED"], "send_for_all_actions": False}
        created = loaded.api.post("/api/webhooks/", json=webhook).raise_for_status().json()
        if annotator.review_next() is None or not came.wait(PATIENCE):
            raise TimeoutError("Label Studio sent no event of a review")
        loaded.api.delete(f"/api/webhooks/{created['id']}/").raise_for_status()
    return events[0]


def _together(clients: int, work: Any) -> list[Answer]:
    with ThreadPoolExecutor(clients) as pool:
        return [answer for answers in pool.map(lambda number: list(work(number)), range(clients)) for answer in answers]


def _fill(real: Mapping[str, Any]) -> dict[str, Any]:
    """Return a real event with so many boxes that it has the size that events were measured to have."""
    event = deepcopy(dict(real))
    result = event["annotation"]["result"]
    originals = deepcopy(result)
    for number in itertools.count():
        if len(json.dumps(event)) >= EVENT_BYTES:
            return event
        result.append({**deepcopy(originals[number % len(originals)]), "id": f"filled{number:04d}"})
    raise AssertionError


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
