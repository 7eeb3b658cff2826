"""Our worker of gunicorn gives no thread to a client that it would wait for."""

import socket
from contextlib import closing, suppress

import pytest

from tests.backend.integration.one_thread import answers, one_thread

HEAD = b"GET /much HTTP/1.1\r\nHost: a\r\n"


@pytest.fixture(scope="module")
def port():
    with one_thread() as number:
        yield number


def client(port):
    return closing(socket.create_connection(("127.0.0.1", port), timeout=10))


def test_a_head_that_is_too_large_and_does_not_end_holds_nothing(port):
    with client(port) as endless:
        endless.sendall(HEAD + 5 * (b"X: " + b"a" * 4000 + b"\r\n"))

        with suppress(ConnectionResetError):
            assert endless.recv(1) == b""
        assert answers(port)


def test_a_client_that_takes_no_answer_holds_a_thread_for_a_moment_only(port):
    with client(port) as deaf:
        deaf.sendall(50 * (HEAD + b"\r\n"))

        assert answers(port)


def test_a_client_that_takes_its_answers_gets_them_all(port):
    with client(port) as patient:
        patient.sendall(3 * (HEAD + b"\r\n"))
        size = 0
        while size < 3 * 2**20:
            size += len(patient.recv(2**20))

        assert answers(port)
