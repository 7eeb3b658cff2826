"""What controls never waits for what works: gunicorn itself, held by clients, image servers and Label Studio."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from backend.gate import PREDICTS, WAITING
from tests.backend.integration.busy import (
    AUTH,
    PROJECT,
    backend,
    clients,
    hanging_server,
    head,
    predict_body,
    resident,
    settings_in,
    slowest,
)
from tests.builders import picture
from tests.label_studio.interactive.builders import call, rectangle

pytestmark = pytest.mark.timeout(200)

AT_ONCE = 0.2  # seconds
PROMPT = 5.0  # seconds for a single request, on a machine with other work; those who hold threads do so for 10 to 20
FULL = PREDICTS + WAITING


@pytest.fixture(scope="module")
def studio():
    with hanging_server() as server:
        yield server


@pytest.fixture(scope="module")
def served(studio, tmp_path_factory):
    more = {"LOOP_IMAGE_SECONDS": "4", "LOOP_INTERACTIVE_URL": studio.url}
    settings = settings_in(tmp_path_factory.mktemp("busy"), studio.url, **more)
    with backend(settings) as (process, client):
        yield settings, process, client


def assert_prompt(client, settings):
    seconds = slowest(client, settings)
    assert max(seconds.values()) < AT_ONCE, seconds


def test_slow_bodies_hold_predictions_only_and_end_with_408(served):
    settings, _, client = served
    whole, pieces = head("/predict", 1000) + b'{"tasks"', head("/predict", None) + b"8\r\n"
    with clients(settings, 1, pieces) as (in_chunks,), clients(settings, FULL - 1, whole) as slow:
        refused = client.post("/predict", content=predict_body(), headers={"Content-Type": "application/json"})
        assert_prompt(client, settings)
        ends = {each.recv(1000)[:12] for each in (in_chunks, slow[0])}

    assert (refused.status_code, refused.json()["type"]) == (503, "Overloaded")
    assert int(refused.headers["Retry-After"]) > 0
    assert ends == {b"HTTP/1.1 408"}


@pytest.mark.parametrize("host", ["images", "label-studio"])
def test_slow_images_hold_predictions_only(served, studio, host):
    settings, _, client = served
    address = {
        "images": f"{studio.url.replace('127.0.0.1', 'localhost')}/a.jpg",
        "label-studio": "/data/upload/1/a.jpg",
    }
    body, kind = predict_body(address[host]), {"Content-Type": "application/json"}
    with ThreadPoolExecutor(FULL) as pool:
        asked = [
            pool.submit(
                httpx.post,
                f"{settings.local_url}/predict",
                content=body,
                headers={**client.headers, **kind},
                timeout=60,
            )
            for _ in range(FULL)
        ]
        assert_prompt(client, settings)
        answers = [future.result() for future in asked]

    assert {answer.status_code for answer in answers} == {200}
    assert all("1" in answer.json()["errors"] for answer in answers)


def test_clicks_that_a_backend_of_theirs_does_not_answer_hold_each_other_only(served):
    settings, _, client = served
    sent = json.dumps(call(rectangle(10, 10, 20, 20, "Car"))).encode()
    image = f"data:image/png;base64,{base64.b64encode(picture()).decode()}"

    with clients(settings, 100, head("/predict", len(sent)) + sent):
        began = time.monotonic()
        answer = client.post("/predict", content=predict_body(image), headers={"Content-Type": "application/json"})

        assert time.monotonic() - began < PROMPT
    assert answer.json()["results"]
    assert "errors" not in answer.json()


@pytest.mark.parametrize("page", ["open-tasks", "doctor"])
def test_pages_that_ask_a_label_studio_that_hangs_hold_each_other_only(served, page):
    settings, *_ = served
    lines = (f"GET /loop/projects/{PROJECT}/{page} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: {AUTH}", "", "")
    with clients(settings, 100, "\r\n".join(lines).encode()):
        began = time.monotonic()  # only the first request finds all threads taken, until Label Studio is given up
        httpx.get(f"{settings.local_url}/health", timeout=30).raise_for_status()

        assert time.monotonic() - began < PROMPT


def test_heads_that_do_not_end_and_clients_that_do_not_close_hold_nothing(served):
    settings, _, client = served
    closing = b"GET /health HTTP/1.0\r\n\r\n"

    with clients(settings, 60, b"GET /health HTTP/1.1\r\nHost: a"), clients(settings, 60, closing):
        assert_prompt(client, settings)


def test_strangers_who_sign_in_slowly_hold_each_other_only(served):
    settings, *_ = served
    lines = ("POST /loop/sign-in HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/x-www-form-urlencoded")

    with clients(settings, 120, "\r\n".join((*lines, "Content-Length: 1000", "", "ticket=")).encode()):
        began = time.monotonic()
        httpx.get(f"{settings.local_url}/health", timeout=30).raise_for_status()

        assert time.monotonic() - began < PROMPT


def test_bodies_that_nobody_reads_hold_nothing(served):
    settings, _, client = served

    with clients(settings, 60, b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{"):
        assert_prompt(client, settings)


def test_a_body_over_the_limit_takes_no_more_memory_than_the_limit(served):
    _, process, client = served
    before = resident(process)
    peak = [before]

    def pieces():
        for _ in range(400):
            peak.append(resident(process))
            yield b" " * 2**20

    try:
        answer = client.post("/setup", content=pieces())
    except httpx.HTTPError:
        answer = None  # it hung up before all was sent

    assert answer is None or answer.status_code == 413
    assert max(peak) - before < 40 * 2**20


def test_a_whole_head_in_two_pieces_is_answered_at_once(served):
    settings, *_ = served
    with clients(settings, 1, b"GET /health HTTP/1.1\r\nHost: 127.") as (slow,):
        slow.sendall(b"0.0.1\r\n\r\n")
        slow.settimeout(1)

        assert slow.recv(1000).startswith(b"HTTP/1.1 200")
