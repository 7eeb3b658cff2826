"""An RQ worker whose job ends with it, and goes back to the queue."""

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
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.exceptions import InvalidJobOperation, NoSuchJobError, StopRequested
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.worker import BaseWorker, WorkerStatus
from rq.worker_registration import register

from loop.process_table import kill_tree
from loop.secrecy import redact

log = logging.getLogger(__name__)

PATIENCE = 2.0  # seconds that a job has to end by itself
CLOCK_SECONDS = 10.0  # by which two clocks of the system may differ
LOOK_SECONDS = 0.5  # between two checks of a job that its worker still runs
LIFE_SECONDS = 20  # of a worker in Redis without a sign of life
JOB_SECONDS = 5  # between two signs of life of a worker with a job; RQ has one without a job wait LIFE_SECONDS - 15
TAKEN_SECONDS = 8  # after which a job that a worker took and did not begin is lost
MARK_SECONDS = 3600  # of a mark in Redis that says when a job was first seen so

Stopped = Callable[[str, tuple[Any, ...]], None]  # takes the name of a job's function and its arguments


class LoopWorker(Worker):
    """
    Runs each job in a process of its own, which never outlives the worker.

    Where it is asked to stop, it kills a job that does not end by itself, puts the job back in the queue, and calls
    *stopped* with the name and the arguments of its function.
    """

    max_connection_wait_time = 4.0  # seconds between two attempts to reach Redis

    def __init__(self, *args: Any, stopped: Stopped, **options: Any) -> None:
        often = {"worker_ttl": LIFE_SECONDS, "job_monitoring_interval": JOB_SECONDS}
        super().__init__(*args, **{**often, **options})
        self._stopped = stopped

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Stop, and kill the job soon: a training could run for days."""
        if self.horse_pid:
            threading.Timer(PATIENCE, self._kill_job, [self.horse_pid]).start()
        self._stop_requested = True  # its exception is lost where the signal comes in a callback of the collector
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def main_work_horse(self, job: Job, queue: Queue) -> None:
        """Run a job in its own process, and end it with the worker."""
        threading.Thread(target=_end_with, args=[self.pid], daemon=True).start()
        super().main_work_horse(job, queue)

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Give a sign of life; to a Redis that has lost its data, this worker is made known again."""
        super().heartbeat(timeout, pipeline)
        if pipeline is None:
            if self._stop_requested and self.get_state() != WorkerStatus.BUSY:
                raise StopRequested
            self._register_again()

    def maintain_heartbeats(self, job: Job, execution: Execution) -> None:
        """Report that the job runs; a Redis that does not answer for a while costs no job."""
        try:
            super().maintain_heartbeats(job, execution)
            self._register_again()
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
        """Record that a job failed, with the secrets in its traceback masked; put back a job that was only stopped."""
        if not self._stop_requested or self._is_horse:
            super().handle_job_failure(job, queue, started_job_registry, redact(exc_string), execution)
            return
        with self.connection.pipeline() as pipeline:
            self.cleanup_execution(job, pipeline, execution)
            pipeline.execute()
        queue.enqueue_job(job, at_front=True)
        self._stopped(str(job.func_name), tuple(job.args))

    def _register_again(self) -> None:
        if self.birth_date and not self.connection.sismember(self.redis_workers_keys, self.key):
            self.connection.hset(self.key, mapping=self.serialize())
            register(self)

    def _kill_job(self, pid: int) -> None:
        if self.horse_pid == pid:
            kill_tree(pid)


def is_open(job: Job) -> bool:
    """Whether a job waits or runs: it has not ended, and its worker did not die."""
    status = job.get_status(refresh=False)  # as it was fetched: a job that ended since has no status
    if status == JobStatus.QUEUED:
        return not is_lost(job)
    if status == JobStatus.STARTED:
        return not is_abandoned(job)
    return status in (JobStatus.CREATED, JobStatus.SCHEDULED, JobStatus.DEFERRED)


def is_abandoned(job: Job) -> bool:
    """Whether the worker of a started job is gone: Redis does not know it, or its process on this machine ended."""
    key = f"{Worker.redis_worker_namespace_prefix}{job.worker_name}"
    worker = Worker.find_by_key(key, job.connection)  # not all workers: each event asks this while a review job runs
    return worker is None or is_dead(worker)


def is_lost(job: Job) -> bool:
    """
    Whether a job counts as waiting and is in no queue: a worker took it, and did not begin it for some seconds.

    The worker died, or lost Redis. Redis itself measures the time, so that no clock matters that somebody sets.
    """
    if Queue(job.origin, connection=job.connection).get_job_position(job.id) is not None:
        return False
    mark = f"loop:taken:{job.id}:{job.enqueued_at}"
    if job.connection.set(mark, 1, nx=True, ex=MARK_SECONDS):
        return False
    return int(job.connection.ttl(mark)) <= MARK_SECONDS - TAKEN_SECONDS


def remove_ended(job: Job) -> None:
    """Remove a job that is not open, unless another process has asked for it anew meanwhile."""

    def remove(pipeline: Pipeline) -> None:  # called again where the job was changed meanwhile
        found = Job.fetch(job.id, connection=job.connection)
        pipeline.multi()
        if not is_open(found):
            pipeline.lrem(Queue(job.origin, connection=job.connection).intermediate_queue_key, 0, job.id)
            found.delete(pipeline=pipeline)

    with suppress(NoSuchJobError, InvalidJobOperation, ValueError):  # RQ raises these where the job is gone by now
        job.connection.transaction(remove, job.key)


def forget_dead_workers(connection: Redis) -> None:
    """Remove from Redis the workers of this machine whose process ended."""
    for worker in Worker.all(connection=connection):
        if is_dead(worker):
            worker.register_death()  # type: ignore[no-untyped-call]


def is_dead(worker: BaseWorker) -> bool:
    """Whether the process of a worker of this machine ended; another process may have its id by now."""
    if not worker.pid or worker.hostname != socket.gethostname():
        return False
    try:
        created = psutil.Process(worker.pid).create_time()
    except (psutil.Error, ValueError):
        return True
    return worker.birth_date is not None and created > worker.birth_date.timestamp() + CLOCK_SECONDS


def put_back(connection: Redis, name: str) -> None:
    """Enqueue again the jobs that were taken from a queue and did not end. No worker may use the queue meanwhile."""
    queue = Queue(name, connection=connection)
    started = queue.started_job_registry
    running = [job_id for job_id, _ in started.get_job_and_execution_ids(cleanup=False)]
    for job_id in {*running, *queue.intermediate_queue.get_job_ids()}:
        _put_back_if(_was_taken, queue, job_id)
    connection.delete(started.key, queue.intermediate_queue_key)


def put_back_lost(connection: Redis, name: str) -> None:
    """Enqueue again the jobs of a queue that a worker took and did not begin for some seconds."""
    queue = Queue(name, connection=connection)
    for job_id in queue.intermediate_queue.get_job_ids():
        _put_back_if(_waits_lost, queue, job_id)


def _put_back_if(is_due: Callable[[Job], bool], queue: Queue, job_id: str) -> None:
    """Enqueue a job again that *is_due*, once, also where its worker begins it, or another process puts it back too."""

    def enqueue(pipeline: Pipeline) -> None:  # called again where the job was changed meanwhile
        job = Job.fetch(job_id, connection=queue.connection)
        pipeline.multi()
        if is_due(job):
            pipeline.lrem(queue.intermediate_queue_key, 0, job_id)
            queue.enqueue_job(job, pipeline=pipeline, at_front=True)

    with suppress(NoSuchJobError):
        queue.connection.transaction(enqueue, Job.key_for(job_id))


def _was_taken(job: Job) -> bool:
    is_open = job.get_status(refresh=False) in (JobStatus.QUEUED, JobStatus.STARTED)
    return is_open and Queue(job.origin, connection=job.connection).get_job_position(job.id) is None


def _waits_lost(job: Job) -> bool:
    return job.get_status(refresh=False) == JobStatus.QUEUED and is_lost(job)


def _end_with(worker: int) -> None:
    """Wait until the worker ends, then kill this process and all that it started."""
    while os.getppid() == worker:
        time.sleep(LOOK_SECONDS)
    kill_tree(os.getpid())
