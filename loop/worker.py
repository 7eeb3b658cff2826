"""An RQ worker that takes its job with it when it ends, and loses none."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

import psutil
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.exceptions import NoSuchJobError
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.worker import BaseWorker

from loop.process_table import kill_tree
from loop.secrecy import redact

log = logging.getLogger(__name__)

PATIENCE = 2.0  # seconds that a job gets to end by itself
CLOCK_SECONDS = 10.0  # by which what the system says of one moment may differ
LOOK_SECONDS = 0.5  # between two looks of a job at whether its worker still runs

Stopped = Callable[[str, tuple[Any, ...]], None]  # takes the name of a job's function and its arguments


class LoopWorker(Worker):
    """
    Runs each job in a process of its own, which never outlives the worker.

    Told to stop, it kills a job that does not end by itself, puts it back in the queue, and calls *stopped* with it.
    """

    def __init__(self, *args: Any, stopped: Stopped, **options: Any) -> None:
        super().__init__(*args, **options)
        self._stopped = stopped

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Stop after the job, or without it: a training may have days to go."""
        if self.horse_pid:
            threading.Timer(PATIENCE, self._kill_job, [self.horse_pid]).start()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Run a job, as the first of the processes that it may start."""
        threading.Thread(target=_end_with, args=[self.pid], daemon=True).start()
        super().main_work_horse(job, queue)

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        """Say that the job runs; a Redis that does not answer for a while costs no job."""
        try:
            super().maintain_heartbeats(job, execution)
        except RedisError as error:
            log.warning("Redis did not take the heartbeat of %s: %s", job.id, error)

    def handle_job_failure(
        self,
        job: Job,
        queue: Queue,
        started_job_registry: Any = None,
        exc_string: str = "",
        execution: Execution | None = None,
    ) -> None:
        """Fail a job, storing no secret of its traceback in Redis, but put back one that was only stopped."""
        if not self._stop_requested or self._is_horse:
            super().handle_job_failure(job, queue, started_job_registry, redact(exc_string), execution)
            return
        with self.connection.pipeline() as pipeline:
            self.cleanup_execution(job, pipeline, execution)
            pipeline.execute()
        queue.enqueue_job(job, at_front=True)
        self._stopped(str(job.func_name), tuple(job.args))

    def _kill_job(self, pid: int) -> None:
        if self.horse_pid == pid:
            kill_tree(pid)


def is_abandoned(job: Job) -> bool:
    """Whether the worker of a started job is gone: unknown to Redis, or no process of this machine any more."""
    workers = Worker.all(connection=job.connection)
    return all(_is_dead(worker) for worker in workers if worker.name == job.worker_name)


def bury_the_dead(connection: Redis) -> None:
    """Forget the workers of this machine whose process is gone."""
    for worker in Worker.all(connection=connection):
        if _is_dead(worker):
            worker.register_death()  # type: ignore[no-untyped-call]


def _is_dead(worker: BaseWorker) -> bool:
    """Whether a worker of this machine runs no more, though another process may have its id by now."""
    if not worker.pid or worker.hostname != socket.gethostname():
        return False
    try:
        created = psutil.Process(worker.pid).create_time()
    except (psutil.Error, ValueError):
        return True
    return worker.birth_date is not None and created > worker.birth_date.timestamp() + CLOCK_SECONDS


def put_back(connection: Redis, name: str) -> None:
    """Enqueue again what was taken from a queue and has not ended; only where no worker is at work on it."""
    queue = Queue(name, connection=connection)
    started = queue.started_job_registry
    begun = [job_id for job_id, _ in started.get_job_and_execution_ids(cleanup=False)]
    taken = {*begun, *queue.intermediate_queue.get_job_ids()}
    for job_id in taken - set(queue.job_ids):
        with suppress(NoSuchJobError):
            job = Job.fetch(job_id, connection=connection)
            if job.get_status(refresh=False) in (JobStatus.QUEUED, JobStatus.STARTED):
                queue.enqueue_job(job, at_front=True)
    connection.delete(started.key, queue.intermediate_queue_key)


def _end_with(worker: int) -> None:
    """Kill this process, and what it started, when its worker has ended."""
    while os.getppid() == worker:
        time.sleep(LOOK_SECONDS)
    kill_tree(os.getpid())
