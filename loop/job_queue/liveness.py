"""When the workers and the schedule of this machine last gave a sign of life in Redis."""

from __future__ import annotations

import os
import secrets
import socket
from typing import Any

from redis.exceptions import RedisError

from loop.errors import UpstreamError
from loop.job_queue.connection import connect

PART = "LOOP_PART"  # variable that has the name under which `loop up` runs a process
ANSWER_SECONDS = 2.0


def worker_name() -> str:
    """Return a new name for a worker in this process: it begins with the part that the worker is."""
    return f"{os.environ.get(PART, 'worker')}.{secrets.token_hex(8)}"


class SignsOfLife:
    """
    Reads the signs of life that Redis has.

    A sign is any value that changes with each sign of life, whatever the clocks say; None stands for no sign. Raises
    UpstreamError.
    """

    def __init__(self, url: str) -> None:
        self._redis = connect(url, socket_connect_timeout=ANSWER_SECONDS, socket_timeout=ANSWER_SECONDS)

    def of_worker(self, part: str) -> object:
        """Return the last sign of life of the worker that is a *part* of the installation on this machine."""
        from rq import Worker

        from loop.job_queue.worker import is_dead

        try:
            workers = Worker.all(connection=self._redis)
        except RedisError as error:
            raise UpstreamError(f"Redis did not answer: {error}") from error
        here = socket.gethostname()
        signs = {
            (worker.name, worker.last_heartbeat)
            for worker in workers
            if worker.name.startswith(f"{part}.") and worker.hostname == here and not is_dead(worker)
        }
        return signs or None

    def of_schedule(self) -> object:
        """Return the sweeps that the schedule asked for."""
        from rq.cron import get_cron_job_history_key

        try:
            sweeps: Any = self._redis.zrange(get_cron_job_history_key("loop.jobs.sweep"), 0, -1)
        except RedisError as error:
            raise UpstreamError(f"Redis did not answer: {error}") from error
        return set(sweeps) or None
