"""Interactive calls handed on to another ML backend: a real server on a port of its own."""

import base64
import json
import time

import pytest

from loop.errors import UpstreamError
from loop.label_studio.interactive.backend import LARGEST_ANSWER, InteractiveBackend
from tests.label_studio.interactive.builders import call, rectangle
from tests.label_studio.interactive.click_backend import ANSWER, click_backend

CALL = call(rectangle(10, 10, 20, 20, "Car"))


def test_a_call_is_handed_on_as_it_came_and_its_answer_comes_back_as_it_is():
    with click_backend() as server:
        answer = InteractiveBackend(f"{server.url}/").predict(CALL, time.monotonic())

    ((path, _, body),) = server.got
    assert (path, body) == ("/predict", CALL)
    assert json.loads(answer) == ANSWER


def test_the_user_and_the_password_of_the_url_are_sent_as_basic_auth():
    with click_backend() as server:
        url = server.url.replace("//", "//anna:p%40ss@")
        InteractiveBackend(url).predict(CALL, time.monotonic())

    ((_, headers, _),) = server.got
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"anna:p@ss").decode()


FAULTS = {
    "an-error": (lambda handler: handler.reply(500, b"CUDA out of memory"), "answered 500: CUDA out of memory"),
    "a-redirect": (
        lambda handler: handler.reply(307, b"", Location="http://127.0.0.1:1/elsewhere"),
        "answered 307",
    ),
    "no-json": (lambda handler: handler.reply(200, b"<html>hello"), 'without {"results": […]}: <html>hello'),
    "no-object": (lambda handler: handler.reply(200, b"[1]"), "without"),
    "no-results": (lambda handler: handler.reply(200, b'{"results": null}'), "without"),
    "deep": (lambda handler: handler.reply(200, b"[" * 100_000), "without"),
    "no-text": (lambda handler: handler.reply(200, b"\xff\xfe\x00"), "without"),
    "hung-up": (lambda handler: handler.wfile.close(), "does not answer"),
    "a-wrong-encoding": (
        lambda handler: handler.reply(200, b"no gzip", **{"Content-Encoding": "gzip"}),
        "does not answer",
    ),
}


@pytest.mark.parametrize(("behave", "message"), FAULTS.values(), ids=FAULTS)
def test_any_other_answer_is_a_clear_error_without_the_password(behave, message):
    with click_backend(behave) as server, pytest.raises(UpstreamError) as raised:
        InteractiveBackend(server.url.replace("//", "//anna:secret-word@")).predict(CALL, time.monotonic())

    assert message in str(raised.value)
    assert f"{server.url} (LOOP_INTERACTIVE_URL)" in str(raised.value)
    assert "secret-word" not in str(raised.value)
    assert len(server.got) == 1


def test_an_answer_that_drips_ends_when_the_time_is_over():
    with click_backend(lambda handler: handler.drip()) as server:
        began = time.monotonic()
        with pytest.raises(UpstreamError, match="gave no answer within"):
            InteractiveBackend(server.url, seconds=0.4).predict(CALL, began)

    assert time.monotonic() - began < 3


def test_the_time_counts_from_the_beginning_of_the_call():
    with click_backend() as server, pytest.raises(UpstreamError, match="gave no answer within 0 s"):
        InteractiveBackend(server.url, seconds=5).predict(CALL, time.monotonic() - 5)


def test_an_answer_without_end_is_cut_off():
    def flood(handler):
        piece = b" " * 2**20
        handler.send_response(200)
        handler.end_headers()
        while not handler.wfile.closed:
            handler.wfile.write(piece)

    with click_backend(flood) as server, pytest.raises(UpstreamError, match=f"more than {LARGEST_ANSWER} bytes"):
        InteractiveBackend(server.url).predict(CALL, time.monotonic())


def test_a_backend_that_is_down_is_named():
    with click_backend() as server:
        pass

    with pytest.raises(UpstreamError, match="does not answer: ConnectError"):
        InteractiveBackend(server.url).predict(CALL, time.monotonic())
    assert "does not answer" in InteractiveBackend(server.url).find_problem()


def test_a_backend_that_answers_health_has_no_problem():
    with click_backend() as server:
        assert InteractiveBackend(server.url).find_problem() is None
