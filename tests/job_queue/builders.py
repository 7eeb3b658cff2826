"""Jobs in a queue, and the program of a worker that does them."""

from loop.job_queue.job_list import JobState, QueuedJob
from tests.backend.dashboard.builders import PROJECT

WORK = """
import sys
from redis import Redis
from rq import Queue
from loop.job_queue.worker import LoopWorker
connection = Redis.from_url(sys.argv[1])
queues = [Queue("default", connection=connection)]
options = {"job_monitoring_interval": 1, "worker_ttl": 17}
LoopWorker(queues, connection=connection, stopped=print, **options).work(logging_level="WARNING")
"""


def queued(work, project=PROJECT):
    """A job that waits."""
    return QueuedJob(f"{work}-{project}", work, project, "default", JobState.WAITING, None, None)
