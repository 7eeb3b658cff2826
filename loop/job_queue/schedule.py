"""RQ's schedule, by a monotonic clock."""

from __future__ import annotations

import time
from typing import Any

from rq.cron import CronJob, CronScheduler


class SteadySchedule(CronScheduler):
    """
    Enqueues each registered job again after its interval, also after a restart.

    RQ's own schedule uses the clock of the system: if that is set back by an hour, it enqueues nothing for an hour. It
    also enqueues every job when it starts: after a fault, reviews would wait for a tidying and a discovery. RQ keeps
    the thousand latest times of each job; times in the future would push out all others.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._due_at: dict[str, float] = {}

    def enqueue_jobs(self) -> list[CronJob]:
        """Enqueue all jobs that are due. Raises RedisError."""
        now = time.monotonic()
        for job in self.get_jobs():
            if job.name not in self._due_at:
                self._due_at[job.name] = now + self._seconds_left(job)
        due_jobs = [job for job in self.get_jobs() if self._due_at[job.name] <= now]
        for job in due_jobs:
            self.connection.zremrangebyscore(job.job_history_key, time.time(), "+inf")
            job.enqueue(self.connection)
            self._due_at[job.name] = now + (job.interval or 0)
        return due_jobs

    def calculate_sleep_interval(self) -> float:
        """Return the seconds until the next job is due."""
        return max(0.0, min(self._due_at.values()) - time.monotonic())

    def _seconds_left(self, job: CronJob) -> float:
        """Return the seconds until a job is due again that an earlier schedule enqueued; 0.0 if it never did."""
        newest: Any = self.connection.zrange(job.job_history_key, 0, 0, desc=True, withscores=True)
        interval = job.interval or 0
        left = interval - (time.time() - newest[0][1]) if newest else 0.0
        return left if 0 < left <= interval else 0.0
