"""Deliveries to real receivers on this machine."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook

from loop.delivery import NoticeSender, RetryPolicy, deliver, standard_key
from loop.notices import DeliveryState, Outbox
from loop.storage.exchange_tables import deliveries, notices
from tests.builders import NOON
from tests.http_servers import receiver
from tests.swap import swap

KEY = standard_key("s3cret")


@pytest.fixture
def sending_to(rooms):
    def of(*urls, seconds=1.0):
        return swap(
            rooms,
            (rooms.outbox, Outbox(rooms.engine, urls)),
            (rooms.sender, NoticeSender(lambda: KEY, seconds=seconds)),
        )

    return of


def now_due(rooms):
    """Let all that waits for its next attempt be due."""
    with rooms.engine.begin() as connection:
        connection.execute(deliveries.update().where(deliveries.c.due_at.is_not(None)).values(due_at=NOON))


def states(rooms):
    return {one.url: one.state for one in rooms.outbox.last()}


def test_a_notice_comes_signed_with_its_id_and_kind(sending_to):
    with receiver() as server:
        rooms = sending_to(server.url)
        rooms.outbox.post(7, "model.promoted", "1", {"version": "v"})

        line = deliver(rooms.outbox, rooms.sender)

        ((sent, body),) = server.got
    (last,) = rooms.outbox.last()
    assert line == "1 delivered, 0 failed"
    assert (last.state, last.status, last.attempts, last.error) == (DeliveryState.DELIVERED, 204, 1, None)
    assert Webhook(KEY).verify(body, dict(sent))["id"] == sent["webhook-id"] == last.notice.id
    assert sent["X-Loop-Event"] == "model.promoted"
    assert sent["Content-Type"] == "application/json"


def answers(*statuses):
    """What a receiver answers, one after the other."""
    left = list(statuses)
    return lambda _: left.pop(0)


@pytest.mark.parametrize(
    ("first", "message"),
    [
        pytest.param(500, "answered 500", id="fails"),
        pytest.param(404, "answered 404", id="not-found"),
        pytest.param(302, "answered 302", id="redirects"),
        pytest.param(None, "RemoteProtocolError", id="hangs-up"),
    ],
)
def test_a_receiver_that_fails_gets_the_same_notice_again(sending_to, first, message):
    with receiver(answers(first, 200)) as server:
        rooms = sending_to(server.url)
        rooms.outbox.post(1, "rates.alert", "1", {})

        deliver(rooms.outbox, rooms.sender)
        (failed,) = rooms.outbox.last(is_failed=True)
        deliver(rooms.outbox, rooms.sender)  # not due yet
        before = len(server.got)
        now_due(rooms)
        deliver(rooms.outbox, rooms.sender)

        got = list(server.got)
    assert message in failed.error
    assert failed.due_at > failed.notice.created_at + timedelta(seconds=3)
    assert (before, len(got)) == (1, 2)
    assert len({body for _, body in got}) == 1
    assert states(rooms) == {server.url: DeliveryState.DELIVERED}


def slowly(handler):
    """Answer a byte at a time, each soon enough for any timeout that starts anew with every byte."""
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Long: 1\r\n" * 100:
        handler.wfile.write(bytes([byte]))
        time.sleep(0.1)
    return 200


@pytest.mark.parametrize(
    "behave", [pytest.param(lambda _: time.sleep(5) or 200, id="silent"), pytest.param(slowly, id="a-byte-at-a-time")]
)
def test_a_slow_receiver_is_given_up_in_time_and_holds_nobody_up(sending_to, behave):
    with receiver(behave) as slow, receiver() as quick:
        rooms = sending_to(slow.url, quick.url)
        for number in range(3):
            rooms.outbox.post(1, "rates.alert", str(number), {})
        began, came = time.monotonic(), []
        threading.Thread(target=lambda: came.append(_until(lambda: len(quick.got) == 3) - began), daemon=True).start()

        deliver(rooms.outbox, rooms.sender)

        took = time.monotonic() - began
    assert took < 3
    assert came[0] < 0.9  # before the slow one's second was over
    assert [one.error for one in rooms.outbox.last(is_failed=True)] == ["no answer within 1 s"]


def _until(is_so):
    deadline = time.monotonic() + 10
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.01)
    return time.monotonic()


def test_what_is_posted_while_another_receiver_is_slow_is_sent_at_once(sending_to):
    with receiver(lambda _: time.sleep(3) or 200) as slow, receiver() as quick:
        rooms = sending_to(slow.url, quick.url, seconds=2.0)
        rooms.outbox.post(1, "rates.alert", "1", {})
        running = threading.Thread(target=deliver, args=(rooms.outbox, rooms.sender))
        running.start()
        _until(lambda: quick.got)

        rooms.outbox.post(1, "rates.alert", "2", {})

        _until(lambda: len(quick.got) == 2)
        was_running = running.is_alive()
        running.join()
    assert len(quick.got) == 2
    assert was_running


def test_a_receiver_that_is_not_there_is_tried_once_a_run_and_the_others_are_served(sending_to):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{probe.getsockname()[1]}/"
    with receiver() as server:
        rooms = sending_to(dead, "no address", server.url)
        for number in range(3):
            rooms.outbox.post(1, "rates.alert", str(number), {})

        assert deliver(rooms.outbox, rooms.sender) == "3 delivered, 2 failed"

    assert sum(kept.attempts for kept in rooms.outbox.last() if kept.url == dead) == 1


def test_notices_that_a_receiver_refuses_do_not_hold_up_those_it_takes(sending_to):
    with receiver(lambda handler: 422 if handler.headers["X-Loop-Event"] == "rates.alert" else 200) as server:
        rooms = sending_to(server.url)
        for number in range(3):
            rooms.outbox.post(1, "rates.alert", str(number), {})
        rooms.outbox.post(1, "model.promoted", "1", {})

        assert deliver(rooms.outbox, rooms.sender) == "1 delivered, 3 failed"


def test_after_its_last_attempt_a_delivery_is_given_up(sending_to):
    with receiver(lambda _: 500) as server:
        rooms = sending_to(server.url)
        rooms.outbox.post(1, "rates.alert", "1", {})

        for _ in range(4):
            now_due(rooms)
            deliver(rooms.outbox, rooms.sender, RetryPolicy(most_attempts=3))

    (delivery,) = rooms.outbox.last()
    assert (delivery.state, delivery.attempts, delivery.status) == (DeliveryState.GIVEN_UP, 3, 500)


def test_what_waited_in_vain_for_a_day_is_given_up_untried(sending_to):
    rooms = sending_to("http://127.0.0.1:9/")
    for number in range(3):
        rooms.outbox.post(1, "rates.alert", str(number), {})
    with rooms.engine.begin() as connection:
        connection.execute(sa.update(notices).values(created_at=NOON - timedelta(days=400)))

    deliver(rooms.outbox, rooms.sender)

    last = rooms.outbox.last()
    assert sorted((one.state.value, one.attempts) for one in last) == [
        ("given up", 0),
        ("given up", 0),
        ("waiting", 1),
    ]


SENDER = """
import sys
from loop.wiring import build
from loop.delivery import deliver
rooms = build()
sys.stdin.readline()
deliver(rooms.outbox, rooms.sender)
"""


def test_killed_between_sending_and_recording_it_is_sent_again_with_the_same_id(sending_to, settings):
    pids = []

    def kill_the_sender_once(_):
        if pids:
            os.kill(pids.pop(), signal.SIGKILL)
        return 200

    with receiver(kill_the_sender_once) as own:
        rooms = sending_to(own.url)
        rooms.outbox.post(1, "rates.alert", "1", {})
        environment = {**os.environ, **settings.environment(), "LOOP_NOTIFY_URLS": own.url}
        # The sender waits for its pid to be known before it sends.
        sender = subprocess.Popen([sys.executable, "-c", SENDER], stdin=subprocess.PIPE, env=environment)
        pids.append(sender.pid)
        sender.communicate(b"go\n", timeout=60)
        assert sender.returncode == -signal.SIGKILL
        assert states(rooms) == {own.url: DeliveryState.WAITING}

        deliver(rooms.outbox, rooms.sender)

        got = list(own.got)
    assert len(got) == 2
    assert len({sent["webhook-id"] for sent, _ in got}) == 1
    assert states(rooms) == {own.url: DeliveryState.DELIVERED}
