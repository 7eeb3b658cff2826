"""The queues of jobs, on RQ: a job's id names its work, and a hundred requests for the same work make one job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from redis.backoff import NoBackoff
from redis.retry import Retry

from loop.errors import PayloadError
from loop.job_queue import job_list, job_places
from loop.job_queue.claims import Claims
from loop.job_queue.connection import answering, connect
from loop.job_queue.page_queue import PageQueue

if TYPE_CHECKING:
    from loop.job_queue.worker import Stopped

GPU, DEFAULT = job_list.GPU, job_places.DEFAULT
SHORT, LONG = 3600, 7 * 24 * 3600  # seconds that a job may take
FAILURE_SECONDS = 24 * 3600  # that a failed job stays in Redis; RQ's own default is a year


class JobQueue(job_places.JobPlaces, Claims, PageQueue, job_list.JobList):
    """The queues `gpu` and `default`."""

    def __init__(self, url: str) -> None:
        self._url = url
        # Label Studio waits one second for an answer: a request to Redis must end well before that.
        retry = Retry(NoBackoff(), 0)
        try:
            self._redis = connect(url, socket_connect_timeout=0.4, socket_timeout=0.4, retry=retry)
        except ValueError:  # its text may have parts of the password
            expected = "an address such as redis://host:6379/0, with / # ? and @ in a password as %2F %23 %3F %40"
            raise PayloadError("LOOP_REDIS_URL", expected, "another scheme or a port that is no number") from None

    def close(self) -> None:
        """Close all connections."""
        self._redis.close()

    def ask_review(self, project_id: int) -> bool:
        """Ask for a job that works on the pending events of a project."""
        return self._ask(DEFAULT, "loop.jobs.review", project_id)

    def ask_refresh(self, project_id: int) -> bool:
        """Ask for a job that predicts the open tasks of a project with the champion."""
        return self._ask(DEFAULT, "loop.jobs.refresh", project_id, timeout=LONG)

    def ask_refresh_share(self, project_id: int, number: int) -> bool:
        """Ask for a job that takes a share of the refresh of a project; *number* tells those of one refresh apart."""
        return self._ask(DEFAULT, "loop.jobs.refresh_share", project_id, number, timeout=LONG)

    def ask_sync(self, project_id: int) -> bool:
        """Ask for a job that records the reviews of a project for which no event came."""
        return self._ask(DEFAULT, "loop.jobs.sync", project_id)

    def ask_sync_all(self) -> bool:
        """Ask for a job that asks for the sync of every project."""
        return self._ask(DEFAULT, "loop.jobs.sync_all")

    def ask_index(self, project_id: int) -> bool:
        """Ask for a job that makes the missing vectors of a project."""
        return self._ask(DEFAULT, "loop.jobs.index", project_id)

    def ask_discover(self, project_id: int) -> bool:
        """Ask for a job that clusters the unknown of a project."""
        return self._ask(DEFAULT, "loop.jobs.discover", project_id, timeout=LONG)

    def ask_suspects(self, project_id: int) -> bool:
        """Ask for a job that looks for reviewed boxes of a project that may be wrong."""
        return self._ask(DEFAULT, "loop.jobs.suspects", project_id, timeout=LONG)

    def ask_match(self, project_id: int) -> bool:
        """Ask for a job that matches the detections of a project that have a new vector."""
        return self._ask(DEFAULT, "loop.jobs.match", project_id)

    def ask_retrain(self, project_id: int) -> bool:
        """Ask for a job that runs the open training of a project."""
        return self._ask(GPU, "loop.jobs.retrain", project_id, timeout=LONG)

    def ask_deliver(self) -> bool:
        """Ask for a job that sends the notices that are due."""
        return self._ask(DEFAULT, "loop.jobs.deliver")

    def work(self, queue: str, stopped: Stopped = lambda *_: None) -> None:
        """
        Work on the jobs of one queue until a signal to stop.

        A job that is stopped goes back to the queue, and *stopped* is called with its function and arguments.
        """
        from rq import Queue

        from loop.job_queue.liveness import worker_name
        from loop.job_queue.worker import LoopWorker

        connection = connect(self._url)  # without a timeout: a worker waits for jobs
        queues, name = [Queue(queue, connection=connection)], worker_name()
        with answering():
            worker = LoopWorker(queues, name, connection=connection, stopped=stopped)
            worker.work(logging_level="WARNING")

    def put_back(self) -> None:
        """
        Remove the dead workers of this machine from Redis, and enqueue their jobs again. Raises UpstreamError.

        Only for a Redis that no worker uses at this moment.
        """
        from loop.job_queue.worker import forget_dead_workers, put_back

        with answering():
            forget_dead_workers(self._redis)
            for name in (GPU, DEFAULT):
                put_back(self._redis, name)

    def schedule(self, *jobs: tuple[Callable[[], str], int]) -> None:
        """
        Run each job on `default` again after its number of seconds, and now if it never ran, until a signal to stop.

        A job may take until it is due again, and no less than RQ lets every job take.
        """
        from rq import Queue

        from loop.job_queue.schedule import SteadySchedule

        scheduler = SteadySchedule(connection=self._redis)
        for job, every in jobs:
            limits: dict[str, Any] = {"ttl": every, "job_timeout": max(every, Queue.DEFAULT_TIMEOUT)}
            scheduler.register(job, queue_name=DEFAULT, interval=every, result_ttl=0, failure_ttl=3600, **limits)
        with answering():
            scheduler.start()  # type: ignore[no-untyped-call]

    def put_back_lost(self) -> None:
        """Enqueue again the jobs that a worker took and did not begin: it died. Raises UpstreamError."""
        from loop.job_queue.worker import put_back_lost

        with answering():
            for name in (GPU, DEFAULT):
                put_back_lost(self._redis, name)

    def lengths(self) -> Mapping[str, int]:
        """Return how many jobs wait in each queue. Raises UpstreamError."""
        from rq import Queue

        with answering():
            return {name: Queue(name, connection=self._redis).count for name in (GPU, DEFAULT)}

    def oldest(self) -> datetime | None:
        """Return when the first waiting job of `default` was enqueued; None without one. Raises UpstreamError."""
        return self._find_oldest(DEFAULT)

    def waits(self) -> Mapping[str, float]:
        """Return for how many seconds the first waiting job of each queue has waited. Raises UpstreamError."""
        now, oldest = datetime.now(UTC), {name: self._find_oldest(name) for name in (GPU, DEFAULT)}
        return {name: max(0.0, (now - since).total_seconds()) for name, since in oldest.items() if since}

    def last_scheduled(self, job: str) -> datetime | None:
        """Return when the schedule last enqueued a job, such as `loop.jobs.sweep`. Raises UpstreamError."""
        from rq.cron import get_cron_job_history_key

        with answering():
            newest = self._redis.zrange(get_cron_job_history_key(job), 0, 0, desc=True, withscores=True)
        return datetime.fromtimestamp(float(newest[0][1]), UTC) if newest else None

    def find_failure(self, job_id: str) -> str:
        """Return the last line of the error of a job, such as `refresh-1`, that failed; empty if it did not."""
        from rq.exceptions import NoSuchJobError
        from rq.job import Job

        with answering():
            try:
                job = Job.fetch(job_id, connection=self._redis)
            except NoSuchJobError:
                return ""
            result = job.latest_result() if job.is_failed else None
        lines = (result.exc_string or "").strip().splitlines() if result else []
        return lines[-1][:300] if lines else ""

    def _find_oldest(self, queue: str) -> datetime | None:
        from rq import Queue

        with answering():
            waiting = Queue(queue, connection=self._redis).get_jobs(0, 1)
        return waiting[0].enqueued_at if waiting else None

    def _ask(self, queue: str, function: str, *ids: int, timeout: int = SHORT) -> bool:
        """
        Enqueue unless the same work waits or runs already; return whether a job was added. Raises UpstreamError.

        The next sweep asks again for work that came too late for a running job.
        """
        job_id = "-".join([function.rsplit(".", 1)[1], *map(str, ids)])
        options: dict[str, Any] = {"job_timeout": timeout, "result_ttl": 0, "failure_ttl": FAILURE_SECONDS}
        with answering():
            return not self._is_open(job_id) and self._add(queue, function, ids, job_id, options)

    def _add(self, queue: str, function: str, arguments: tuple[int, ...], job_id: str, options: dict[str, Any]) -> bool:
        from rq import Queue
        from rq.exceptions import DuplicateJobError

        try:
            Queue(queue, connection=self._redis).enqueue(function, *arguments, job_id=job_id, unique=True, **options)
        except DuplicateJobError:  # another process asked at the same moment
            return False
        return True

    def _is_open(self, job_id: str) -> bool:
        """Whether a job waits or runs; a job that ended or lost its worker is removed. Raises RedisError."""
        from rq.exceptions import NoSuchJobError
        from rq.job import Job

        from loop.job_queue.worker import is_open, remove_ended

        try:
            job = Job.fetch(job_id, connection=self._redis)
        except NoSuchJobError:
            return False
        if is_open(job):
            return True
        remove_ended(job)
        return False
