"""The jobs that a page asks for, and those that are at work for it."""

from __future__ import annotations

from collections.abc import Mapping

from backend.dashboard.blueprint import Answer, go_back, rooms
from loop.errors import UpstreamError
from loop.job_queue.job_list import JobState
from loop.job_queue.queue import DEFAULT
from loop.storage.actor import who_acts


def find_working(names: Mapping[str, str]) -> dict[str, str]:
    """Return those of some jobs, names by ids, that wait or run; none where Redis does not answer."""
    try:
        jobs = [rooms().queue.job(job_id) for job_id in names]
    except UpstreamError:
        return {}
    return {job.id: names[job.id] for job in jobs if job and job.state in (JobState.RUNNING, JobState.WAITING)}


def ask_for(endpoint: str, jobs: Mapping[str, str], job: str, project_id: int, *texts: str) -> Answer:
    """Queue one of the *jobs* of a page in the name of the sender, and say so on the page at *endpoint*."""
    try:
        is_new = rooms().queue.ask_page_job(DEFAULT, job, "", project_id, who_acts(), *texts)
    except UpstreamError as error:
        return go_back(endpoint, str(error), is_error=True, project_id=project_id)
    state = "asked for the job" if is_new else "waits or runs already: the job"
    message = f"{state} {jobs[job]}; load this page again when it has ended"
    return go_back(endpoint, message, project_id=project_id)
