"""Commands on jobs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loop.cli.answers.command import Done, done
from loop.cli.grid import Field, show_table
from loop.cli.options import OneProject, open_rooms, out
from loop.errors import PayloadError, UpstreamError

if TYPE_CHECKING:
    from loop.installation.watching.jobs import WatchedJob
    from loop.installation.watching.logs import LogEntry

app = typer.Typer()
jobs_group = typer.Typer(no_args_is_help=True, help="Jobs that run, wait or failed, with their progress.")
app.add_typer(jobs_group, name="jobs")
JobId = Annotated[str, typer.Argument(metavar="ID", help="The id of a job; see `loop jobs list`.")]
JobRecord = Annotated[dict[str, Any], "The job, from `id` to `error`, and the `log` of its worker."]
JOB_FIELDS = (
    Field("id"),
    Field("state"),
    Field("queue", rank=3),
    Field("since", rank=2),
    Field("progress", rank=1, folds=True),
)


@jobs_group.command("list")
def list_all(project: OneProject = None) -> Annotated[object, "loop.installation.watching.jobs:JobsReport"]:
    """List the jobs: those that run with their progress, those that wait, those that failed in the last day."""
    from loop.installation.watching.jobs import list_jobs

    report = list_jobs(open_rooms(project).installation, project)
    if report.trouble:
        raise UpstreamError(report.trouble)
    if report.jobs:
        show_table(out, JOB_FIELDS, [_job_row(job) for job in report.jobs])
    else:
        out.print("no job runs, waits or failed")
    return report


@jobs_group.command("show")
def show_one(job: JobId) -> JobRecord:
    """Show a job, the trace of its error, and the last lines of its worker's log."""
    from loop.installation.watching.jobs import read_job
    from loop.installation.watching.logs import read_log_end

    installation = open_rooms().installation
    found = read_job(installation, job)
    if found is None:
        raise PayloadError("ID", "the id of a job that runs, waits or failed; see `loop jobs list`", job)
    since = found.started_at.isoformat() if found.started_at else ""
    entries = read_log_end(installation.machine.home, found.worker.split(".")[0], since=since) if since else []
    for name, value in asdict(found).items():
        if value not in (None, "") and name not in ("share", "error"):
            out.print(f"{name:<12} {value}")
    for line in (*found.error.splitlines(), *(line for entry in entries for line in _as_lines(entry))):
        out.print(line)
    return {**asdict(found), "log": entries}


@jobs_group.command("cancel")
def cancel_one(job: JobId) -> Done:
    """
    Cancel a job: a training stops by itself, any other that runs is killed.

    Nothing is lost by it. Work that is still due, such as the predictions of
    open tasks, is asked for again within ten seconds.
    """
    from loop.installation.watching.jobs import cancel_job

    return done(cancel_job(open_rooms().installation, job), job=job)


def _job_row(job: WatchedJob) -> tuple[str, ...]:
    since = job.started_at or job.asked_at
    return job.id, job.state.value, job.queue, f"{since:%Y-%m-%d %H:%M:%S}" if since else "", job.line


def _as_lines(entry: LogEntry) -> list[str]:
    return [f"{entry.at[:19]} {entry.level:<7} {entry.message}", *entry.trace.splitlines()]
