"""A new process of gunicorn leaves requests to the others until it is ready."""

import os
import signal

import psutil
import pytest

from tests.backend.integration.one_thread import READY, answers, one_thread, pids
from tests.services import until

PROCESSES = 2


@pytest.fixture
def file(tmp_path):
    return tmp_path / "ready"


@pytest.fixture
def port(file):
    file.touch()
    with one_thread(PROCESSES, **{READY: str(file)}) as number:
        until(lambda: len(pids(number)) == PROCESSES, 20)
        yield number


def workers(pid):
    """The processes of the same server."""
    return {worker.pid for worker in psutil.Process(pid).parent().children()}


def test_it_accepts_nothing_before_it_is_ready_and_others_answer_meanwhile(port, file):
    old = pids(port)
    file.unlink()
    killed, other = sorted(old)
    os.kill(killed, signal.SIGKILL)
    until(lambda: len(workers(other) - {killed}) == PROCESSES, 20)

    assert pids(port) == {other}
    file.touch()
    until(lambda: len(pids(port)) == PROCESSES, 20)


def test_it_accepts_at_once_where_no_other_does(port, file):
    file.unlink()
    for pid in pids(port):
        os.kill(pid, signal.SIGKILL)

    until(lambda: answers(port), 20)


def test_of_several_that_begin_at_once_one_accepts(file):
    with one_thread(PROCESSES, **{READY: str(file)}) as port:
        assert len(pids(port)) == 1
        file.touch()
        until(lambda: len(pids(port)) == PROCESSES, 20)
