"""Reads the body of a request within limits of time and memory."""

from __future__ import annotations

import math
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
PIECE = 2**16  # bytes that are read at a time
SMALL = 2**20  # bytes of a body that needs no room of its own
COPIES = 3  # of a large body in memory: as it came, as text, and as the texts in it; many small values take more
BRIEF = 0.5  # seconds that a request waits for memory: Label Studio waits one second for the answer to an event
TICK = 0.1  # seconds between two looks at the clock


@dataclass(slots=True, eq=False)
class TimedBody:
    """A body that is read until a deadline, a moment of the monotonic clock; *is_late*: it was cut off then."""

    deadline: float
    is_late: bool = False


class Deadlines:
    """
    Sockets that are read, each until its deadline.

    A thread shuts a late socket for reading, which ends the call that reads from it; the answer can still be sent.
    A timeout of the socket is not enough: it begins anew with every byte. The reader may move its deadline.
    """

    def __init__(self) -> None:
        self._readings: dict[TimedBody, socket] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def until(self, sock: socket | None, deadline: float) -> Iterator[TimedBody]:
        """Shut a socket that is still read at the *deadline*; do nothing without a socket."""
        reading = TimedBody(deadline)
        if sock is None:
            yield reading
            return
        with self._changed:
            if self._thread is None:  # here, and not before: a server may have been forked since
                self._thread = threading.Thread(target=self._watch, name="deadlines", daemon=True)
                self._thread.start()
            self._readings[reading] = sock
            self._changed.notify()
        try:
            yield reading
        finally:
            with self._changed:
                self._readings.pop(reading, None)

    def _watch(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._readings)
                for reading in [each for each in self._readings if each.deadline < time.monotonic()]:
                    reading.is_late = True
                    with suppress(OSError):  # it has been closed
                        self._readings.pop(reading).shutdown(SHUT_RD)
            time.sleep(TICK)


def read_body(memory_seconds: float | None = BRIEF) -> bytes:
    """
    Return the body of the request, of at most `max_content_length`.

    It must come within PATIENCE seconds, and a second more for each SPEED bytes that have come. A large one waits for
    memory, for at most *memory_seconds*; None: as long as images do. Raises RequestTimeout, RequestEntityTooLarge,
    Overloaded.
    """
    limit = request.max_content_length or 0
    size = request.content_length or limit
    if request.content_length and SMALL < size <= limit:
        g.loan = budget().take(Use.BODY, size * COPIES, memory_seconds)
    began = time.monotonic()
    with _deadlines().until(request.environ.get("gunicorn.socket"), began + PATIENCE) as reading:
        content = bytearray()
        try:
            while len(content) < size and (piece := request.stream.read(PIECE)):
                content += piece
                if len(content) > SMALL and "loan" not in g:  # it comes in chunks, and does not tell its size
                    began, reading.deadline = began - time.monotonic(), math.inf
                    g.loan = budget().take(Use.BODY, limit * COPIES, memory_seconds)
                    began += time.monotonic()
                reading.deadline = began + PATIENCE + len(content) / SPEED
        finally:  # a body that was cut off ends in some error, or early
            if reading.is_late:
                raise RequestTimeout(f"the body did not arrive within {time.monotonic() - began:.0f} s")
    if request.content_length is None and len(content) == limit:
        raise RequestEntityTooLarge  # Werkzeug ends a body of unknown length there without a word
    return bytes(content)


def forget_body(_: BaseException | None) -> None:
    """Give back the memory that the body of the request took."""
    loan: Loan | None = g.pop("loan", None)
    if loan:
        loan.end()


def _deadlines() -> Deadlines:
    own: Deadlines = current_app.extensions["deadlines"]
    return own
