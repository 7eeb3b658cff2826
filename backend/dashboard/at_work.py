"""The jobs that are at work for a page."""

from __future__ import annotations

from collections.abc import Mapping

from backend.dashboard.blueprint import rooms
from loop.errors import UpstreamError
from loop.job_queue.job_list import JobState


def find_working(names: Mapping[str, str]) -> dict[str, str]:
    """Return those of some jobs, names by ids, that wait or run; none where Redis does not answer."""
    try:
        jobs = [rooms().queue.job(job_id) for job_id in names]
    except UpstreamError:
        return {}
    return {job.id: names[job.id] for job in jobs if job and job.state in (JobState.RUNNING, JobState.WAITING)}
