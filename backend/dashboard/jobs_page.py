"""The jobs that run, wait or failed, each with its log; cancelling one."""

from __future__ import annotations

from flask import abort

from backend import access
from backend.dashboard.blueprint import Answer, go_back, page, rooms, show, show_part
from backend.dashboard.forms import form
from loop.installation.watching.jobs import WatchedJob, cancel_job, list_jobs, read_job
from loop.installation.watching.logs import LogEntry, read_log_end


@page("jobs", entry="Jobs")
def jobs() -> Answer:
    """Show all jobs."""
    return show("jobs.html", report=list_jobs(rooms().installation))


@page("jobs/list")
def jobs_list() -> Answer:
    """Show the list alone, to be refreshed."""
    return show_part("jobs_list.html", report=list_jobs(rooms().installation))


@page("jobs/<job_id>")
def job(job_id: str) -> Answer:
    """Show one job with the end of its worker's log."""
    found = _find(job_id)
    if found is None:
        abort(404, "No such job: it has ended, or never was.")
    return show("job.html", job=found, entries=_read_log(found))


@page("jobs/<job_id>/now")
def job_now(job_id: str) -> Answer:
    """Show the progress of one job alone, to be refreshed."""
    found = _find(job_id)
    return show_part("job_now.html", job=found, entries=_read_log(found) if found else [])


@page("jobs/<job_id>/cancel", methods=["POST"])
def job_cancel(job_id: str) -> Answer:
    """Cancel the job that the page was drawn for, and no later one of its id."""
    _find(job_id)
    return go_back("jobs", cancel_job(rooms().installation, job_id, form().get("run", "")))


def _find(job_id: str) -> WatchedJob | None:
    """Return a job that the sender may see; None if there is none. Raises Forbidden."""
    found = read_job(rooms().installation, job_id)
    if found is not None and found.project is not None:
        access.require(found.project)
    return found


def _read_log(job: WatchedJob) -> list[LogEntry]:
    """Return the last records of the log of a job's worker since the job began."""
    if job.started_at is None:
        return []
    home, part = rooms().installation.machine.home, job.worker.split(".")[0]
    return list(read_log_end(home, part, since=job.started_at.isoformat()))
