"""Asks for the jobs that a person wants on a page, and tells how they stand."""

from __future__ import annotations

import hashlib
from typing import Any

from loop.job_queue.connection import answering

SECONDS = 24 * 3600  # that such a job may take, and that it stays in Redis if it fails


def name_job(function: str, project_id: int, subject: str) -> str:
    """Return the id of the job of `loop.page_jobs` on a *subject*, such as two versions; RQ allows no @ in it."""
    return f"{function}-{project_id}-{hashlib.sha256(subject.encode()).hexdigest()[:12]}"


class PageQueue:
    """The jobs of `loop.page_jobs`: nobody asks for them again, so one that fails stays to be looked at."""

    _redis: Any

    def ask_page_job(self, queue: str, function: str, subject: str, project_id: int, *more: str, **given: Any) -> bool:
        """Enqueue a job unless one on this subject waits or runs; return whether it was added. Raises UpstreamError."""
        from rq import Queue
        from rq.exceptions import DuplicateJobError
        from rq.job import Job

        from loop.job_queue.worker import remove_ended

        job_id = name_job(function, project_id, subject)
        times: dict[str, Any] = {"job_timeout": SECONDS, "result_ttl": 0, "failure_ttl": SECONDS}
        with answering():
            if self.is_open(job_id):
                return False
            if Job.exists(job_id, connection=self._redis):
                remove_ended(Job.fetch(job_id, connection=self._redis))
            try:
                Queue(queue, connection=self._redis).enqueue(
                    f"loop.page_jobs.{function}",
                    args=(project_id, *more),
                    kwargs=given,
                    job_id=job_id,
                    unique=True,
                    **times,
                )
            except DuplicateJobError:  # another process asked at the same moment
                return False
        return True

    def is_open(self, job_id: str) -> bool:
        """Whether a job waits or runs. Raises UpstreamError."""
        from rq.exceptions import NoSuchJobError
        from rq.job import Job

        from loop.job_queue.worker import is_open

        with answering():
            try:
                return is_open(Job.fetch(job_id, connection=self._redis))
            except NoSuchJobError:
                return False
