"""Values that are made at their first use, once, also where several threads use them first. Pure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """
    A value that *make* makes at its first use. Threads can share it; after an error it is made at the next use.

    `functools.cached_property` has no lock from Python 3.12 on: threads may make several values, of which all but one
    are lost, such as clients with open connections.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make, self._lock = make, threading.Lock()
        self._values: list[T] = []

    def get(self) -> T:
        """Return the value."""
        if not self._values:
            with self._lock:
                if not self._values:
                    self._values.append(self._make())
        return self._values[0]

    @property
    def made(self) -> T | None:
        """The value if it has been made."""
        return self._values[0] if self._values else None
