"""Jobs on RQ: each has an id that names the work, so a hundred asks for the same work make one job."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from redis import Redis
from redis.exceptions import RedisError

from loop.errors import UpstreamError

if TYPE_CHECKING:
    from rq.job import Job

GPU, DEFAULT = "gpu", "default"
SHORT, LONG = 3600, 7 * 24 * 3600  # seconds a job may take
LOCK_SECONDS = 30.0
KEPT_FAILURES = 24 * 3600  # seconds; RQ's own default is a year


class JobQueue:
    """The queues `gpu` and `default`."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_connect_timeout=1.0)

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()

    def ask_review(self, project_id: int) -> bool:
        """Ask that the pending events of a project be worked on."""
        return self._ask(DEFAULT, "loop.jobs.review", project_id)

    def ask_refresh(self, project_id: int) -> bool:
        """Ask that the open tasks of a project be predicted by the champion."""
        return self._ask(DEFAULT, "loop.jobs.refresh", project_id)

    def ask_retrain(self, project_id: int) -> bool:
        """Ask that the open training of a project be run."""
        return self._ask(GPU, "loop.jobs.retrain", project_id, timeout=LONG)

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """
        Hold the lock *name* on all machines, waiting for it.

        It is renewed while it is held and runs out LOCK_SECONDS after its holder was killed.
        """
        lock = self._redis.lock(f"loop:{name}", timeout=LOCK_SECONDS, thread_local=False)
        lock.acquire()
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(LOCK_SECONDS / 3):
                with suppress(RedisError):  # the next turn tries again
                    lock.reacquire()

        threading.Thread(target=renew, daemon=True).start()
        try:
            yield
        finally:
            ended.set()
            with suppress(RedisError):
                lock.release()

    def work(self, queue: str) -> None:
        """Be a worker of one queue until stopped."""
        from rq import Queue, Worker

        Worker([Queue(queue, connection=self._redis)], connection=self._redis).work(logging_level="WARNING")

    def schedule(self, job: Callable[[], str], every: int) -> None:
        """Have *job* run on `default` every so many seconds, until stopped."""
        from rq.cron import CronScheduler

        scheduler = CronScheduler(connection=self._redis)
        scheduler.register(job, queue_name=DEFAULT, interval=every, ttl=every, result_ttl=0, failure_ttl=3600)
        scheduler.start()  # type: ignore[no-untyped-call]

    def lengths(self) -> Mapping[str, int]:
        """How many jobs wait in each queue. Raises UpstreamError."""
        from rq import Queue

        try:
            return {name: Queue(name, connection=self._redis).count for name in (GPU, DEFAULT)}
        except RedisError as error:
            raise UpstreamError(f"Redis did not answer: {error}") from error

    def _ask(self, queue: str, function: str, project_id: int, *, timeout: int = SHORT) -> bool:
        """
        Enqueue unless the same work already waits; return whether a job was added. Raises UpstreamError.

        A job that runs has perhaps read its input already, so one more may wait behind it under a second name.
        """
        name = f"{function.rsplit('.', 1)[1]}-{project_id}"
        options: dict[str, Any] = {"job_timeout": timeout, "result_ttl": 0, "failure_ttl": KEPT_FAILURES}
        try:
            for job_id in (name, f"{name}-again"):
                known = self._standing(job_id)
                if known == "queued":
                    return False
                if known is None:
                    return self._add(queue, function, project_id, job_id, options)
        except RedisError as error:
            raise UpstreamError(f"Redis did not answer: {error}") from error
        return False

    def _add(self, queue: str, function: str, project_id: int, job_id: str, options: dict[str, Any]) -> bool:
        from rq import Queue
        from rq.exceptions import DuplicateJobError

        try:
            Queue(queue, connection=self._redis).enqueue(function, project_id, job_id=job_id, unique=True, **options)
        except DuplicateJobError:  # somebody else asked in this moment
            return False
        return True

    def _standing(self, job_id: str) -> str | None:
        """`queued` or `started`; None where there is no such job, after removing one that ended or lost its worker."""
        from rq.exceptions import NoSuchJobError
        from rq.job import Job, JobStatus

        try:
            job = Job.fetch(job_id, connection=self._redis)
        except NoSuchJobError:
            return None
        status = job.get_status()
        if status in (JobStatus.CREATED, JobStatus.QUEUED, JobStatus.SCHEDULED, JobStatus.DEFERRED):
            return "queued"
        if status == JobStatus.STARTED and not self._is_abandoned(job):
            return "started"
        job.delete()
        return None

    def _is_abandoned(self, job: Job) -> bool:
        """Whether the worker of a started job is gone: unknown to Redis, or no process of this machine any more."""
        from rq import Worker

        for worker in Worker.all(connection=self._redis):
            if worker.name == job.worker_name:
                here = worker.hostname == socket.gethostname()
                return here and not _is_alive(int(worker.pid or 0))
        return True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
