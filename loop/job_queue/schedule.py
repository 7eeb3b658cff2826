"""RQ's schedule, by a clock that nobody sets."""

from __future__ import annotations

import time
from typing import Any

from rq.cron import CronJob, CronScheduler


class SteadySchedule(CronScheduler):
    """
    Enqueues each registered job now, and then again after its interval.

    RQ's own schedule goes by the clock of the system: after that was set back by an hour, it enqueues nothing for an
    hour.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._due_at: dict[str, float] = {}

    def enqueue_jobs(self) -> list[CronJob]:
        """Enqueue all jobs that are due. Raises RedisError."""
        now = time.monotonic()
        due_jobs = [job for job in self.get_jobs() if self._due_at.get(job.name, now) <= now]
        for job in due_jobs:
            job.enqueue(self.connection)
            self._due_at[job.name] = now + (job.interval or 0)
        return due_jobs

    def calculate_sleep_interval(self) -> float:
        """Return the seconds until the next job is due."""
        return max(0.0, min(self._due_at.values()) - time.monotonic())
