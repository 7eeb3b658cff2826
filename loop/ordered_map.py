"""Maps a function over a long iterable in several threads, in order, with few items in memory. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import islice
from typing import TypeVar

CHUNK = 32  # items that one thread takes at a time
AHEAD = 16  # chunks under way

T = TypeVar("T")
R = TypeVar("R")


def map_in_order(pool: Executor, work: Callable[[T], R], things: Iterable[T]) -> Iterator[R]:
    """Yield *work* of each of the *things*, in order, with at most about 500 in memory."""
    source = iter(things)
    waiting: deque[Future[list[R]]] = deque()
    while chunk := list(islice(source, CHUNK)):
        waiting.append(pool.submit(lambda chunk: [work(one) for one in chunk], chunk))
        if len(waiting) >= AHEAD:
            yield from waiting.popleft().result()
    while waiting:
        yield from waiting.popleft().result()
