"""What Label Studio answers when it refuses, and what is made of it for a person."""

import json
from http.server import BaseHTTPRequestHandler

import pytest

from loop.errors import Refused, UpstreamError
from loop.label_studio.client import LabelStudio
from tests.http_servers import serve

KEY = "5ecre7f3a9c1d2e4b5061728394a5b6c7d8e9f0a"


@pytest.fixture
def answering():
    """A server that answers everything in one way."""
    answer = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(answer["status"])
            self.send_header("Content-Length", str(len(answer["body"])))
            self.end_headers()
            self.wfile.write(answer["body"])

        def do_DELETE(self):
            self.do_GET()

        def log_message(self, *_):
            pass

    with serve(Handler) as server:

        def start(status, body):
            answer.update(status=status, body=body)
            return LabelStudio(server.url, KEY, timeout=5)

        yield start


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, json.dumps({"detail": "Invalid token."}).encode(), "Invalid token; set LABEL_STUDIO_API_KEY"),
        (403, b"{}", "may not do that"),
        (403, b'{"detail": "URL resolves to a reserved network address"}', "address; set ML_BLOCK_LOCAL_IP=false and"),
        (400, b'{"url": ["URL resolves to a reserved network address"]}', "; set ML_BLOCK_LOCAL_IP=false and"),
        (404, b"<!doctype html><title>Not here</title>", "a page of HTML; it is not there"),
        (400, json.dumps({"validation_errors": {"title": ["too short"]}}).encode(), "too short"),
    ],
)
def test_a_refusal_says_what_to_do(answering, status, body, message):
    studio = answering(status, body)

    with pytest.raises(Refused) as refused:
        studio.project(1)

    assert message in str(refused.value)
    assert refused.value.status == status


@pytest.mark.parametrize("delete", ["delete_annotation", "delete_prediction", "delete_view"])
def test_what_is_gone_already_is_deleted(answering, delete):
    assert getattr(answering(204, b""), delete)(7)
    assert not getattr(answering(404, b"{}"), delete)(7)
    with pytest.raises(Refused):
        getattr(answering(403, b"{}"), delete)(7)


def test_without_a_task_no_prediction_is_deleted(answering):
    answering(500, b"{}").delete_predictions(1, [])  # Label Studio would delete those of all tasks


@pytest.mark.parametrize("body", [b"<html>Log in</html>", b"[" * 100_000, b"\xff\xfe"])
def test_an_answer_that_is_no_json_asks_for_the_address(answering, body):
    studio = answering(200, body)

    with pytest.raises(UpstreamError, match="LABEL_STUDIO_URL"):
        studio.project(1)
    studio.close()
