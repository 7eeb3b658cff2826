"""Reads the body of a request within limits of time and memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from socket import SHUT_RD, socket

from flask import current_app, g, request
from werkzeug.exceptions import RequestEntityTooLarge, RequestTimeout

from loop.memory_budget import Loan, Use, budget

PATIENCE = 10.0  # seconds for any body, and then
SPEED = 2**20  # bytes a second
SMALL = 2**20  # bytes of a body that needs no room of its own
COPIES = 3  # of a large body in memory: as it came, as text, and as the texts in it; many small values take more
BRIEF = 0.5  # seconds that a request waits for memory: Label Studio waits one second for the answer to an event
TICK = 0.1  # seconds between two looks at the clock


@dataclass(slots=True, eq=False)
class _Reading:
    socket: socket
    deadline: float
    is_late: bool = False


class Deadlines:
    """
    Sockets that are read, each until its deadline.

    A thread shuts a late socket for reading, which ends the call that reads from it; the answer can still be sent.
    A timeout of the socket would not do: it begins anew with every byte.
    """

    def __init__(self) -> None:
        self._readings: set[_Reading] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def until(self, sock: socket | None, seconds: float) -> Iterator[_Reading | None]:
        """Shut a socket that is still read after *seconds*; do nothing without a socket."""
        if sock is None:
            yield None
            return
        reading = _Reading(sock, time.monotonic() + seconds)
        with self._changed:
            if self._thread is None:  # here, and not before: a server may have been forked since
                self._thread = threading.Thread(target=self._watch, name="deadlines", daemon=True)
                self._thread.start()
            self._readings.add(reading)
            self._changed.notify()
        try:
            yield reading
        finally:
            with self._changed:
                self._readings.discard(reading)

    def _watch(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._readings)
                for reading in [each for each in self._readings if each.deadline < time.monotonic()]:
                    reading.is_late = True
                    self._readings.discard(reading)
                    with suppress(OSError):  # it has been closed
                        reading.socket.shutdown(SHUT_RD)
            time.sleep(TICK)


def read_body(memory_seconds: float | None = BRIEF) -> bytes:
    """
    Return the body of the request, of at most `max_content_length`.

    A large one waits for memory, for at most *memory_seconds*; None: as long as images do. Raises RequestTimeout,
    RequestEntityTooLarge, Overloaded.
    """
    size = request.content_length or request.max_content_length or 0
    if SMALL < size <= (request.max_content_length or size):
        g.loan = budget().take(Use.BODY, size * COPIES, memory_seconds)
    seconds = PATIENCE + size / SPEED
    with _deadlines().until(request.environ.get("gunicorn.socket"), seconds) as reading:
        try:
            content = request.get_data(cache=False)
        finally:  # a body that was cut off ends in some error, or early
            if reading and reading.is_late:
                raise RequestTimeout(f"the body did not arrive within {seconds:.0f} s")
    if request.content_length is None and len(content) == request.max_content_length:
        raise RequestEntityTooLarge  # Werkzeug ends a body of unknown length there without a word
    return content


def forget_body(_: BaseException | None) -> None:
    """Give back the memory that the body of the request took."""
    loan: Loan | None = g.pop("loan", None)
    if loan:
        loan.end()


def _deadlines() -> Deadlines:
    own: Deadlines = current_app.extensions["deadlines"]
    return own
