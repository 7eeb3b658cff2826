"""Our worker of gunicorn gives no thread to a client that it would wait for."""

import socket
from contextlib import ExitStack, closing, suppress
from threading import Event, Thread

import pytest

from tests.backend.integration.one_thread import MOST, answers, one_thread

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


def test_a_client_that_takes_its_answer_in_drops_holds_a_thread_for_a_moment_only(port):
    ended = Event()

    def take_drops():
        with suppress(OSError):
            while not ended.wait(0.05):
                slow.recv(4096)

    with client(port) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        slow.sendall(50 * (HEAD + b"\r\n"))
        taking = Thread(target=take_drops)
        taking.start()

        assert answers(port, seconds=4)
        ended.set()
        taking.join()


def test_idle_connections_keep_nobody_out_and_the_oldest_of_them_go(port):
    with ExitStack() as stack:
        idle = [stack.enter_context(client(port)) for _ in range(2 * MOST)]
        for each in idle:
            each.sendall(HEAD)

        assert answers(port, seconds=2)
        first, last = idle[0], idle[-1]
        last.setblocking(False)
        with suppress(ConnectionResetError):  # closed with its unread half of a head, or after it
            assert first.recv(1) == b""
        with pytest.raises(BlockingIOError):
            last.recv(1)


def test_a_client_that_takes_its_answers_gets_them_all(port):
    with client(port) as patient:
        patient.sendall(3 * (HEAD + b"\r\n"))
        size = 0
        while size < 3 * 2**20:
            size += len(patient.recv(2**20))

        assert answers(port)
