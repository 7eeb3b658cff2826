"""The jobs that wait, run or failed, as Redis has them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from loop.job_queue.connection import answering
from loop.job_queue.job_places import DEFAULT
from loop.job_queue.progress_notes import ProgressNotes

if TYPE_CHECKING:
    from rq import Queue
    from rq.job import Job

GPU = "gpu"
MOST_JOBS = 200  # of each queue and state


class JobState(StrEnum):
    """The state of a job."""

    RUNNING = "running"
    WAITING = "waiting"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """
    One job: its *work*, such as `refresh`, on a project or on all (None).

    *worker* is empty while it waits. *error* is the trace of a failed one.
    """

    id: str
    work: str
    project: int | None
    queue: str
    state: JobState
    asked_at: datetime | None
    started_at: datetime | None
    worker: str = ""
    error: str = ""


class JobList(ProgressNotes):
    """Reads and cancels jobs."""

    def jobs(self) -> list[QueuedJob]:
        """Return the jobs: running, then waiting in their order, then failed, newest first. Raises UpstreamError."""
        from rq import Queue
        from rq.job import Job

        with answering():
            queues = [Queue(name, connection=self._redis) for name in (GPU, DEFAULT)]
            ids = list(dict.fromkeys(job_id for find in _FINDERS for queue in queues for job_id in find(queue)))
            fetched = [job for job in Job.fetch_many(ids, connection=self._redis) if job is not None]
            found = [read for job in fetched if (read := _read(job, with_error=True)) is not None]
        return sorted(found, key=lambda job: list(JobState).index(job.state))

    def job(self, job_id: str) -> QueuedJob | None:
        """Return one job with its error; None if it ended or never was. Raises UpstreamError."""
        job = self._fetch(job_id)
        with answering():
            return _read(job, with_error=True) if job else None

    def cancel(self, job_id: str) -> JobState | None:
        """
        Remove a job that waits or failed, or have its worker kill a job that runs; return the state it was in.

        None if there is no such job. Work that is still due is asked for again by the sweep. Raises UpstreamError.
        """
        from rq.command import send_stop_job_command
        from rq.exceptions import InvalidJobOperation, NoSuchJobError

        job = self._fetch(job_id)
        with answering():
            found = _read(job) if job else None
            if job is None or found is None:
                return None
            with suppress(InvalidJobOperation, NoSuchJobError):  # it ended meanwhile
                if found.state is JobState.RUNNING:
                    send_stop_job_command(self._redis, job_id)
                else:
                    job.delete()
            return found.state

    def _fetch(self, job_id: str) -> Job | None:
        from rq.exceptions import NoSuchJobError
        from rq.job import Job

        with answering():
            try:
                return Job.fetch(job_id, connection=self._redis)
            except (NoSuchJobError, ValueError):  # no id of RQ has such characters
                return None


def _running(queue: Queue) -> list[str]:
    pairs = queue.started_job_registry.get_job_and_execution_ids(cleanup=False)
    return [job_id for job_id, _ in pairs][:MOST_JOBS]


def _waiting(queue: Queue) -> list[str]:
    return queue.get_job_ids(0, MOST_JOBS)


def _failed(queue: Queue) -> list[str]:
    ids: list[str] = queue.failed_job_registry.get_job_ids(0, MOST_JOBS, desc=True, cleanup=False)
    return ids


_FINDERS = (_running, _waiting, _failed)


def _read(job: Job, *, with_error: bool = False) -> QueuedJob | None:
    """Return a job as it was fetched; None where it has ended since."""
    from rq.job import JobStatus

    states = {
        JobStatus.STARTED: JobState.RUNNING,
        JobStatus.QUEUED: JobState.WAITING,
        JobStatus.FAILED: JobState.FAILED,
        JobStatus.STOPPED: JobState.CANCELLED,
    }
    state = states.get(job.get_status(refresh=False))
    if state is None:
        return None
    result: Any = job.latest_result() if with_error and state is JobState.FAILED else None
    return QueuedJob(
        id=job.id,
        work=str(job.func_name).rsplit(".", 1)[-1],
        project=next((each for each in job.args if isinstance(each, int)), None),
        queue=job.origin,
        state=state,
        asked_at=job.enqueued_at,
        started_at=job.started_at if state is not JobState.WAITING else None,
        worker=job.worker_name or "",
        error=(result.exc_string or "").strip() if result else "",
    )
