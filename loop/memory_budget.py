"""The memory that this process may use for images and requests at a time, shared by all that it does at once. Pure."""

from __future__ import annotations

import threading
from collections import deque
from enum import IntEnum
from types import TracebackType

from loop.errors import Overloaded

DEFAULT = 2**30  # bytes, until the settings say how many
WAIT_SECONDS = 20.0


class Use(IntEnum):
    """
    The uses of memory, in the order in which work takes them.

    Work that holds memory of one use may wait for a later use only. Each use leaves room for those after it, so there
    is always work that can go on and give its memory back.
    """

    BODY = 0  # the body of a request
    FILE = 1  # image files that were fetched
    PICTURE = 2  # images while they are decoded, and then their pixels


SHARES = {Use.BODY: 0.25, Use.FILE: 0.5, Use.PICTURE: 1.0}  # of the budget, for a use and all before it together


class Loan:
    """Bytes of a budget, given back at the end of a `with` block."""

    def __init__(self, budget: MemoryBudget, use: Use, size: int) -> None:
        self._budget, self._use, self.size = budget, use, size

    def shrink(self, size: int) -> None:
        """Give back all but *size* bytes."""
        self._budget.give_back(self._use, max(0, self.size - size))
        self.size = min(self.size, size)

    def end(self) -> None:
        """Give back all bytes."""
        self.shrink(0)

    def __enter__(self) -> Loan:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()


class MemoryBudget:
    """
    A number of bytes, lent out.

    Who finds no room waits, first come first served. A single image, file or body larger than its share passes alone.
    """

    def __init__(self, total: int = DEFAULT, seconds: float = WAIT_SECONDS) -> None:
        self.total, self.seconds = total, seconds
        self._held = dict.fromkeys(Use, 0)
        self._queues: dict[Use, deque[object]] = {use: deque() for use in Use}
        self._changed = threading.Condition()

    def take(self, use: Use, size: int, seconds: float | None = None) -> Loan:
        """Borrow bytes, when there is room for them. Raises Overloaded if there is none in time."""
        ticket, queue = object(), self._queues[use]
        seconds = self.seconds if seconds is None else seconds
        with self._changed:
            queue.append(ticket)
            try:
                if not self._changed.wait_for(lambda: queue[0] is ticket and self._has_room(use, size), seconds):
                    need = f"{size / 2**20:.0f} MB of {self.total / 2**20:.0f} MB (LOOP_IMAGE_MEMORY)"
                    raise Overloaded(f"memory: no room for {need} within {seconds:g} s: try again later")
                self._held[use] += size
            finally:
                queue.remove(ticket)
                self._changed.notify_all()
        return Loan(self, use, size)

    def take_now(self, use: Use, size: int) -> Loan | None:
        """Borrow bytes if there is room, and nobody waits for it."""
        with self._changed:
            if self._queues[use] or not self._has_room(use, size):
                return None
            self._held[use] += size
        return Loan(self, use, size)

    def give_back(self, use: Use, size: int) -> None:
        """Take bytes back."""
        with self._changed:
            self._held[use] -= size
            self._changed.notify_all()

    @property
    def held(self) -> int:
        """The bytes that are lent out."""
        return sum(self._held.values())

    def _has_room(self, use: Use, size: int) -> bool:
        if not self._held[use]:
            return True
        share = sum(self._held[each] for each in Use if each <= use)
        return share + size <= SHARES[use] * self.total and self.held + size <= self.total


_of_process = MemoryBudget()


def budget() -> MemoryBudget:
    """Return the budget of this process, which has one memory for all that it does at once."""
    return _of_process
