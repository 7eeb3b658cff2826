"""The locks of jobs, and the places of long ones: one fewer than workers, given in the order of asking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from loop.job_queue.connection import answering
from loop.job_queue.job_lock import lock_key, try_lock

DEFAULT = "default"
WAITING, WAITING_SECONDS = "loop:waiting:", 30  # after which a work that does not ask again waits no more


@dataclass(frozen=True, slots=True)
class PlaceCounts:
    """How many places there are, and how many of them no job has."""

    all: int
    free: int


class JobPlaces:
    """Locks that one process of all machines has, and places that as many jobs have as there are workers to spare."""

    _redis: Any

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Try to take the lock *name* for the `with` block; yield whether it was taken. Raises UpstreamError."""
        with ExitStack() as held:
            with answering():
                is_alone = held.enter_context(try_lock(self._redis, lock_key(name)))
            yield is_alone

    @contextmanager
    def leave_a_worker(self, kind: str, work: str | None = None) -> Iterator[bool]:
        """
        Try to take a place for a long job for the `with` block; yield whether one was free. Raises UpstreamError.

        There is one place fewer than workers of `default`, so that short jobs never wait for long ones; at least one. A
        named *work* that finds no place waits, and comes before all that begin to wait later, if it asks again in time.
        A job without a name takes no place while anything waits.
        """
        with ExitStack() as held:
            has_place = self._is_turn(kind, work) and self._take_place(kind, held)
            if work is not None:
                self._note_waiting(kind, work, is_waiting=not has_place)
            yield has_place

    def longest_wait(self, kind: str, work: str) -> float:
        """Return for how many seconds another work than this one has waited for a place. Raises UpstreamError."""
        with answering():
            begun = [since for other, since in self._waiting(kind).items() if other != work]
            return self._now() - min(begun) if begun else 0.0

    def count_places(self, kind: str) -> PlaceCounts:
        """Return how many places of long jobs there are. Raises UpstreamError."""
        keys = [lock_key(name) for name in self._places(kind)]
        with answering():
            return PlaceCounts(len(keys), len(keys) - int(self._redis.exists(*keys)))

    def workers(self) -> Mapping[str, int]:
        """Return how many workers listen to each queue. Raises UpstreamError."""
        from rq import Worker

        with answering():
            names = [name for worker in Worker.all(connection=self._redis) for name in worker.queue_names()]
        return Counter(names)

    def _places(self, kind: str) -> list[str]:
        return [f"{kind}-place-{number}" for number in range(max(1, self.workers().get(DEFAULT, 0) - 1))]

    def _take_place(self, kind: str, held: ExitStack) -> bool:
        return any(held.enter_context(self.alone(name)) for name in self._places(kind))

    def _is_turn(self, kind: str, work: str | None) -> bool:
        """Whether no other work has waited longer."""
        with answering():
            waiting = self._waiting(kind)
        mine = waiting.pop(work, None) if work is not None else None
        return not any(mine is None or since < mine for since in waiting.values())

    def _waiting(self, kind: str) -> dict[str, float]:
        """Return since when each work has waited, in seconds of the clock of Redis."""
        keys = list(self._redis.scan_iter(f"{WAITING}{kind}:*"))
        begun = self._redis.mget(keys) if keys else ()
        names = (key.decode().removeprefix(f"{WAITING}{kind}:") for key in keys)
        return {name: float(since) for name, since in zip(names, begun, strict=True) if since}

    def _note_waiting(self, kind: str, work: str, *, is_waiting: bool) -> None:
        key = f"{WAITING}{kind}:{work}"
        with answering():
            if not is_waiting:
                self._redis.delete(key)
            elif not self._redis.set(key, self._now(), nx=True, ex=WAITING_SECONDS):
                self._redis.expire(key, WAITING_SECONDS)

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return float(seconds) + float(microseconds) / 1e6
