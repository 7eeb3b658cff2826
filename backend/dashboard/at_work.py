"""The jobs that are at work for a page."""

from __future__ import annotations

from collections.abc import Iterable

from backend.dashboard.blueprint import rooms
from loop.errors import UpstreamError
from loop.job_queue.job_list import JobState


def find_working(job_ids: Iterable[str]) -> list[str]:
    """Return the jobs that wait or run; none where Redis does not answer."""
    try:
        found = [rooms().queue.job(job_id) for job_id in job_ids]
    except UpstreamError:
        return []
    return [job.id for job in found if job and job.state in (JobState.RUNNING, JobState.WAITING)]
