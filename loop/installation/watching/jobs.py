"""The jobs of an installation with their progress, and how a person cancels one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from loop.errors import PayloadError, UpstreamError
from loop.installation.room import InstallationRoom
from loop.job_queue.job_list import JobState, QueuedJob
from loop.job_queue.progress import JobProgress
from loop.secrecy import redact
from loop.training.progress_line import describe_training, training_share
from loop.training.retrain import cancel
from loop.training.store import Training, TrainingState

RETRAIN = "retrain"


@dataclass(frozen=True, slots=True)
class WatchedJob:
    """
    One job with its progress as a *line* and as a *share*, as far as they are known.

    *work* is such as `refresh`; *project* None stands for all. *error* is its trace, where it failed. *training* is
    the open training that a `retrain` works on.
    """

    id: str
    work: str
    project: int | None
    queue: str
    state: JobState
    asked_at: datetime | None
    started_at: datetime | None
    worker: str
    line: str
    share: float | None
    error: str
    training: int | None = None

    @property
    def run(self) -> str:
        """Tells the job from earlier and later ones of the same id."""
        return f"training {self.training}" if self.training else str(self.asked_at)


@dataclass(frozen=True, slots=True)
class JobsReport:
    """The numbers of workers by queue, and the jobs; *trouble* says why they cannot be read."""

    workers: Mapping[str, int]
    jobs: Sequence[WatchedJob]
    trouble: str = ""


def list_jobs(installation: InstallationRoom, project_id: int | None = None) -> JobsReport:
    """Return the jobs of a project, or all: running, waiting, failed. A Redis that is down is reported in it."""
    queue = installation.queue
    try:
        jobs, progress, workers = queue.jobs(), queue.read_progress(), queue.workers()
    except UpstreamError as error:
        return JobsReport({}, (), str(error))
    trainings = {training.project_id: training for training in installation.trainings.store.open()}
    wanted = [job for job in jobs if project_id in (None, job.project)]
    return JobsReport(workers, [_watch(job, progress.get(job.id), trainings.get(job.project or 0)) for job in wanted])


def read_job(installation: InstallationRoom, job_id: str) -> WatchedJob | None:
    """Return one job with the trace of its error; None if it ended, or never was. Raises UpstreamError."""
    job = installation.queue.job(job_id)
    if job is None:
        return None
    training = next(iter(installation.trainings.store.open(job.project)), None) if job.project is not None else None
    return _watch(job, installation.queue.read_progress().get(job_id), training)


def cancel_job(installation: InstallationRoom, job_id: str, run: str = "") -> str:
    """
    Cancel a job, with *run* only that one, and return one line on it. Raises PayloadError if it is gone, UpstreamError.

    A training stops by itself, and its reviews still count as new. Any other job that runs is killed; a job that is
    still due, such as a refresh, is asked for again.
    """
    job = read_job(installation, job_id)
    if job is None:
        raise PayloadError("ID", "the id of a job; see `loop jobs list`", job_id)
    if run and run != job.run:
        raise PayloadError("run", f"that of {job_id} now, {job.run}: the job of this page has ended", run)
    if job.work == RETRAIN and job.project is not None and job.state is not JobState.FAILED:
        return cancel_training(installation, job.project)
    installation.queue.cancel(job_id)
    if job.state is JobState.RUNNING:
        return f"{job_id} is stopped within seconds; if its work is still due, it is asked for again"
    return f"{job_id} is removed; if its work is still due, it is asked for again"


def cancel_training(installation: InstallationRoom, project_id: int) -> str:
    """Cancel the open training of a project, and return one line on it."""
    cancelled = cancel(installation.trainings, project_id)
    if cancelled is None:
        return f"project {project_id}: no training is open"
    if cancelled.state == TrainingState.CANCELLED:
        return f"training {cancelled.id} is cancelled"
    return f"training {cancelled.id} stops within seconds; `loop training show {cancelled.id}` says how it ended"


def _watch(job: QueuedJob, progress: JobProgress | None, training: Training | None) -> WatchedJob:
    line, share = progress.line if progress else "", _share(progress) if progress else None
    if job.work != RETRAIN or job.state is JobState.FAILED:
        training = None
    if training and job.state is JobState.RUNNING:
        line, share = f"training {training.id}: {describe_training(training)}", training_share(training)
    error = redact(job.error)
    if job.state is JobState.FAILED:
        line = error.splitlines()[-1][:300] if error else ""
    return WatchedJob(
        id=job.id,
        work=job.work,
        project=job.project,
        queue=job.queue,
        state=job.state,
        asked_at=job.asked_at,
        started_at=job.started_at,
        worker=job.worker,
        line=line,
        share=share,
        error=error,
        training=training.id if training else None,
    )


def _share(progress: JobProgress) -> float:
    return progress.done / max(1, progress.done + progress.left)
