"""Lets few requests be worked on at once; some more wait for a while, others are sent away at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from loop.errors import Overloaded

PREDICTS = 8  # requests that are predicted at once
WAITING = 8  # requests that may wait for that
CLICKS = 8  # calls of click tools that are handed on at once; as many as WAITING may wait for that
PICTURES = 2  # small pictures that are made at once
PICTURES_WAITING = 24  # that may wait for that: a browser asks for six at a time
SERVICES = 4  # pages at once that ask Label Studio or Milvus, which may hang
SERVICES_WAITING = 8  # that may wait for that
SIGN_INS = 2  # people who sign in at once, as many as may wait for that: a stranger's body is read there alone
WAIT_SECONDS = 10.0

R = TypeVar("R")


class Gate:
    """
    The way in to work that may take long.

    Each request in it has a thread, so it holds few: all other threads of the server are for requests that take no
    time. The work itself runs in threads of the gate's own, because torch keeps memory for every thread that it ran in.
    """

    def __init__(self, at_once: int = PREDICTS, waiting: int = WAITING, seconds: float = WAIT_SECONDS) -> None:
        self._seconds = seconds
        self._in_front = threading.BoundedSemaphore(at_once + waiting)
        self._inside = threading.BoundedSemaphore(at_once)
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="predict")

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Let a request in for the `with` block, after a while if need be. Raises Overloaded."""
        if not self._in_front.acquire(blocking=False):
            raise Overloaded("too many requests wait already; send this one again in a while")
        try:
            if not self._inside.acquire(timeout=self._seconds):
                raise Overloaded(f"no turn within {self._seconds:g} s; send this request again in a while")
            try:
                yield
            finally:
                self._inside.release()
        finally:
            self._in_front.release()

    def run(self, work: Callable[[], R]) -> R:
        """Do the work of a request that has been let in, and return its result."""
        return self._threads.submit(work).result()
