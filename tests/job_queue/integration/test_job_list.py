"""The jobs that Redis has, and cancelling one that a real worker runs."""

import math
import subprocess
import sys
import time

from rq import SimpleWorker

from loop.job_queue.job_list import JobState
from tests.job_queue.builders import WORK
from tests.services import children, until


def test_a_job_that_waits_is_listed_and_removed(jobs):
    jobs.ask_refresh(7)

    (job,) = jobs.jobs()
    assert (job.id, job.work, job.project, job.state, job.worker) == ("refresh-7", "refresh", 7, JobState.WAITING, "")
    assert jobs.cancel("refresh-7") == JobState.WAITING
    assert jobs.jobs() == []
    assert jobs.cancel("refresh-7") is None
    assert jobs.ask_refresh(7)


def test_a_job_that_failed_has_its_trace(jobs, queue):
    queue.enqueue(math.sqrt, -1, job_id="index-3", failure_ttl=100)
    SimpleWorker([queue], connection=queue.connection).work(burst=True)

    (job,) = jobs.jobs()
    assert job.state is JobState.FAILED
    assert "ValueError: math domain error" in job.error
    assert "ValueError: math domain error" in jobs.job("index-3").error


def test_a_job_that_runs_is_killed_and_can_be_asked_for_again(jobs, queue, redis):
    worker = subprocess.Popen([sys.executable, "-c", WORK, redis.address], stdout=subprocess.DEVNULL)
    try:
        queue.enqueue(time.sleep, 300, job_id="discover-1", failure_ttl=100)
        running = until(lambda: [job for job in jobs.jobs() if job.state is JobState.RUNNING], 30)
        assert running[0].worker

        assert jobs.cancel("discover-1") == JobState.RUNNING

        until(lambda: not children(worker), 20)
        until(lambda: jobs.job("discover-1").state is JobState.CANCELLED, 20)
        assert jobs.ask_discover(1)
    finally:
        worker.kill()
        worker.wait()
