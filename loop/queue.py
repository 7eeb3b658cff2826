"""Jobs on RQ: each has an id that names the work, so a hundred asks for the same work make one job."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from loop.errors import PayloadError, UpstreamError

if TYPE_CHECKING:
    from loop.worker import Stopped

GPU, DEFAULT = "gpu", "default"
SHORT, LONG = 3600, 7 * 24 * 3600  # seconds a job may take
LOCK_SECONDS = 15.0
KEPT_FAILURES = 24 * 3600  # seconds; RQ's own default is a year


class JobQueue:
    """The queues `gpu` and `default`."""

    def __init__(self, url: str) -> None:
        self._url = url
        # Label Studio waits one second for us, so Redis must answer or be given up well before that.
        retry = Retry(NoBackoff(), 0)
        try:
            self._redis = Redis.from_url(url, socket_connect_timeout=0.4, socket_timeout=0.4, retry=retry)
        except ValueError:  # it names parts of the address, which may be parts of its password
            expected = "an address such as redis://host:6379/0, with / # ? and @ in a password as %2F %23 %3F %40"
            raise PayloadError("LOOP_REDIS_URL", expected, "another scheme or a port that is no number") from None

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()

    def ask_review(self, project_id: int) -> bool:
        """Ask that the pending events of a project be worked on."""
        return self._ask(DEFAULT, "loop.jobs.review", project_id)

    def ask_refresh(self, project_id: int) -> bool:
        """Ask that the open tasks of a project be predicted by the champion."""
        return self._ask(DEFAULT, "loop.jobs.refresh", project_id, timeout=LONG)

    def ask_sync(self, project_id: int) -> bool:
        """Ask that the reviews of a project that no event told us of be recorded."""
        return self._ask(DEFAULT, "loop.jobs.sync", project_id)

    def ask_index(self, project_id: int) -> bool:
        """Ask that what is new of a project gets its vectors."""
        return self._ask(DEFAULT, "loop.jobs.index", project_id)

    def ask_discover(self, project_id: int) -> bool:
        """Ask that what nothing has a name for be clustered."""
        return self._ask(DEFAULT, "loop.jobs.discover", project_id, timeout=LONG)

    def ask_match(self, project_id: int) -> bool:
        """Ask that the detections of a project that have a new vector be matched to the taxonomy."""
        return self._ask(DEFAULT, "loop.jobs.match", project_id)

    def ask_retrain(self, project_id: int) -> bool:
        """Ask that the open training of a project be run."""
        return self._ask(GPU, "loop.jobs.retrain", project_id, timeout=LONG)

    def ask_deliver(self) -> bool:
        """Ask that what is due be sent to its receivers."""
        return self._ask(DEFAULT, "loop.jobs.deliver")

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """
        Try to hold the lock *name* on all machines, and say whether it is held.

        It is renewed while it is held, and runs out LOCK_SECONDS after its holder was killed. Raises UpstreamError.
        """
        lock = self._redis.lock(f"loop:{name}", timeout=LOCK_SECONDS, thread_local=False)
        try:
            is_held = lock.acquire(blocking=False)
        except RedisError as error:
            raise _no_answer(error) from error
        if not is_held:
            yield False
            return
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(LOCK_SECONDS / 3):
                with suppress(RedisError):  # the next turn tries again
                    lock.reacquire()

        threading.Thread(target=renew, daemon=True).start()
        try:
            yield True
        finally:
            ended.set()
            with suppress(RedisError):
                lock.release()

    def work(self, queue: str, stopped: Stopped = lambda *_: None) -> None:
        """
        Be a worker of one queue until told to stop.

        A job that it is stopped in goes back to the queue, and *stopped* is called with its function and arguments.
        """
        from rq import Queue

        from loop.worker import LoopWorker

        connection = Redis.from_url(self._url)  # a worker waits for jobs as long as it takes
        try:
            worker = LoopWorker([Queue(queue, connection=connection)], connection=connection, stopped=stopped)
            worker.work(logging_level="WARNING")
        except RedisError as error:
            raise _no_answer(error) from error

    def put_back(self) -> None:
        """
        Forget the workers of this machine that are gone, and enqueue again what they had begun. Raises UpstreamError.

        Only for a Redis that no worker uses at this moment.
        """
        from loop.worker import bury_the_dead, put_back

        try:
            bury_the_dead(self._redis)
            for name in (GPU, DEFAULT):
                put_back(self._redis, name)
        except RedisError as error:
            raise _no_answer(error) from error

    def schedule(self, *jobs: tuple[Callable[[], str], int]) -> None:
        """Have each job run on `default` now and then every so many seconds, until stopped."""
        from rq.cron import CronScheduler

        scheduler = CronScheduler(connection=self._redis)
        for job, every in jobs:
            scheduler.register(job, queue_name=DEFAULT, interval=every, ttl=every, result_ttl=0, failure_ttl=3600)
        try:
            scheduler.start()  # type: ignore[no-untyped-call]
        except RedisError as error:
            raise _no_answer(error) from error

    def workers(self) -> Mapping[str, int]:
        """How many workers listen to each queue. Raises UpstreamError."""
        from rq import Worker

        try:
            names = [name for worker in Worker.all(connection=self._redis) for name in worker.queue_names()]
        except RedisError as error:
            raise _no_answer(error) from error
        return Counter(names)

    def lengths(self) -> Mapping[str, int]:
        """How many jobs wait in each queue. Raises UpstreamError."""
        from rq import Queue

        try:
            return {name: Queue(name, connection=self._redis).count for name in (GPU, DEFAULT)}
        except RedisError as error:
            raise _no_answer(error) from error

    def oldest(self) -> datetime | None:
        """When the job that waits longest in `default` was enqueued. Raises UpstreamError."""
        from rq import Queue

        try:
            waiting = Queue(DEFAULT, connection=self._redis).get_jobs(0, 1)
        except RedisError as error:
            raise _no_answer(error) from error
        return waiting[0].enqueued_at if waiting else None

    def last_scheduled(self, job: str) -> datetime | None:
        """When the schedule last asked for a job, such as `loop.jobs.sweep`. Raises UpstreamError."""
        from rq.cron import get_cron_job_history_key

        try:
            newest = self._redis.zrange(get_cron_job_history_key(job), 0, 0, desc=True, withscores=True)
        except RedisError as error:
            raise _no_answer(error) from error
        return datetime.fromtimestamp(float(newest[0][1]), UTC) if newest else None

    def _ask(self, queue: str, function: str, *ids: int, timeout: int = SHORT) -> bool:
        """
        Enqueue unless the same work waits or runs already; return whether a job was added. Raises UpstreamError.

        What a running job has read too early for is found by the next sweep.
        """
        job_id = "-".join([function.rsplit(".", 1)[1], *map(str, ids)])
        options: dict[str, Any] = {"job_timeout": timeout, "result_ttl": 0, "failure_ttl": KEPT_FAILURES}
        try:
            return not self._stands(job_id) and self._add(queue, function, ids, job_id, options)
        except RedisError as error:
            raise _no_answer(error) from error

    def _add(self, queue: str, function: str, ids: tuple[int, ...], job_id: str, options: dict[str, Any]) -> bool:
        from rq import Queue
        from rq.exceptions import DuplicateJobError

        try:
            Queue(queue, connection=self._redis).enqueue(function, *ids, job_id=job_id, unique=True, **options)
        except DuplicateJobError:  # somebody else asked in this moment
            return False
        return True

    def _stands(self, job_id: str) -> bool:
        """Whether a job waits or runs; one that ended or lost its worker is removed."""
        from rq.exceptions import InvalidJobOperation, NoSuchJobError
        from rq.job import Job, JobStatus

        from loop.worker import is_abandoned

        try:
            job = Job.fetch(job_id, connection=self._redis)
        except NoSuchJobError:
            return False
        status = job.get_status(refresh=False)  # as it was fetched: a job that ended since has none
        if status in (JobStatus.CREATED, JobStatus.QUEUED, JobStatus.SCHEDULED, JobStatus.DEFERRED):
            return True
        if status == JobStatus.STARTED and not is_abandoned(job):
            return True
        with suppress(InvalidJobOperation, ValueError):  # so RQ says that it, or its execution, is gone by now
            job.delete()
        return False


def _no_answer(error: RedisError) -> UpstreamError:
    return UpstreamError(f"Redis did not answer (is `loop up` running?): {error}")
