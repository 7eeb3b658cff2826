"""Jobs in a queue."""

from loop.job_queue.job_list import JobState, QueuedJob
from tests.backend.dashboard.builders import PROJECT


def queued(work, project=PROJECT):
    """A job that waits."""
    return QueuedJob(f"{work}-{project}", work, project, "default", JobState.WAITING, None, None)
