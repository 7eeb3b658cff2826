"""The jobs that a page asks for, on a real Redis-protocol server, run by a worker."""

import pytest
from redis import Redis
from rq import Queue, SimpleWorker

from loop.installation.processes import EmbeddedRedis
from loop.job_queue.page_queue import name_job
from loop.job_queue.queue import DEFAULT, JobQueue


@pytest.fixture
def jobs(tmp_path):
    server = EmbeddedRedis(tmp_path / "redis")
    server.start()
    queue = JobQueue(server.address)
    yield queue
    queue.close()
    server.stop()


def run_all(jobs):
    connection = Redis.from_url(jobs._url)
    SimpleWorker([Queue(DEFAULT, connection=connection)], connection=connection).work(burst=True)
    connection.close()


def test_a_job_is_asked_for_once_and_again_after_it_failed(jobs, tmp_path, monkeypatch):
    monkeypatch.setenv("LOOP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "k")
    given = (DEFAULT, "promote", "yolo_detector@1.0.0", 7, "yolo_detector@1.0.0", "a reason", "operator ann")
    job = name_job("promote", 7, "yolo_detector@1.0.0")

    assert [jobs.ask_page_job(*given, is_forced=False) for _ in range(3)] == [True, False, False]
    assert (jobs.is_open(job), jobs.job(job).project) == (True, 7)
    run_all(jobs)

    assert not jobs.is_open(job)
    assert "no such table" in jobs.find_failure(job)  # the records are empty
    assert jobs.ask_page_job(*given, is_forced=False)
    assert jobs.is_open(job)


def test_jobs_on_other_versions_are_other_jobs(jobs):
    for version in ("a@1.0.0", "a@1.1.0"):
        assert jobs.ask_page_job(DEFAULT, "promote", version, 7, version, "why", "who", is_forced=True)

    assert jobs.lengths()[DEFAULT] == 2
    assert not jobs.is_open(name_job("promote", 8, "a@1.0.0"))
