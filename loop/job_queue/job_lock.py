"""A lock in Redis that only one process of all machines has."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from redis import Redis
from redis.exceptions import LockNotOwnedError, RedisError
from redis.lock import Lock

LOCK_SECONDS = 15.0


def lock_key(name: str) -> str:
    """Return the key of the lock of a job such as `refresh-1`."""
    return f"loop:{name}"


@contextmanager
def try_lock(connection: Redis, name: str) -> Iterator[bool]:
    """
    Try to take the lock *name*; yield whether it was taken.

    The lock is renewed during the `with` block, also in a Redis that lost its data, and expires LOCK_SECONDS after its
    process was killed. Raises RedisError.
    """
    lock = connection.lock(name, timeout=LOCK_SECONDS, thread_local=False)
    if not lock.acquire(blocking=False):
        yield False
        return
    ended, token = threading.Event(), lock.local.token

    def renew() -> None:
        while not ended.wait(LOCK_SECONDS / 3):
            with suppress(RedisError):  # the next renewal tries again
                _renew(lock, token, ended)

    threading.Thread(target=renew, daemon=True).start()
    try:
        yield True
    finally:
        ended.set()
        with suppress(RedisError):
            lock.release()


def _renew(lock: Lock, token: str, ended: threading.Event) -> None:
    """Renew a lock, and take it again where it is gone and nobody has it."""
    try:
        lock.reacquire()
    except LockNotOwnedError:
        if not ended.is_set():  # else it was released meanwhile
            lock.do_acquire(token)
