"""Work that a request could not do is done later."""

import threading

from backend.retries import Retries
from loop.errors import UnknownProject, UpstreamError
from tests.services import until


def failing(*errors):
    """An act that raises errors, one after the other, and then succeeds; with how often it was done."""
    left, done = list(errors), []

    def act():
        done.append(1)
        if left:
            raise left.pop(0)
        return True

    return act, done


def test_an_act_is_done_until_it_succeeds():
    retries = Retries(0.01)
    act, done = failing(UpstreamError("down"), UpstreamError("down"))

    retries.add("review", act)

    until(retries.is_idle, 10)
    assert len(done) == 3


def test_an_act_that_can_never_succeed_is_given_up_and_holds_no_other_up():
    retries = Retries(0.01)
    unknown, broken, good = failing(UnknownProject(7)), failing(ValueError("a bug")), failing()

    for name, (act, _) in {"unknown": unknown, "broken": broken, "good": good}.items():
        retries.add(name, act)

    until(retries.is_idle, 10)
    assert [len(done) for _, done in (unknown, broken, good)] == [1, 1, 1]


def test_an_act_that_is_added_again_while_it_is_done_is_done_again():
    retries, begun, go_on = Retries(0.01), threading.Event(), threading.Event()
    second, done = failing()

    def first():
        begun.set()
        return go_on.wait(10)

    retries.add("sync", first)
    begun.wait(10)
    retries.add("sync", second)
    go_on.set()

    until(retries.is_idle, 10)
    assert len(done) == 1


def test_no_thread_stays_without_work():
    retries = Retries(0.01)

    for _ in range(3):
        retries.add("review", lambda: True)
        until(lambda: all(thread.name != "retries" for thread in threading.enumerate()), 10)
