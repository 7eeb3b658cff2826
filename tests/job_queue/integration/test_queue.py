"""Jobs on a real Redis-protocol server."""

import os
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from datetime import timedelta

import pytest
from rq import Queue, SimpleWorker
from rq.job import Job

from loop.errors import UpstreamError
from loop.installation.processes import EmbeddedRedis
from loop.job_queue.connection import connect
from loop.job_queue.progress import JobProgress
from loop.job_queue.progress_notes import PROGRESS_SECONDS
from loop.job_queue.queue import DEFAULT, GPU, JobQueue
from loop.settings import Settings
from loop.training.ask import ask_training
from loop.training.retrain import cancel
from loop.training.store import TrainingState
from loop.wiring import build


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    server = EmbeddedRedis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


def test_a_hundred_asks_make_one_job(jobs):
    assert [jobs.ask_retrain(7) for _ in range(100)] == [True] + [False] * 99
    assert jobs.lengths() == {GPU: 1, DEFAULT: 0}


def test_a_queue_says_for_how_long_its_first_job_has_waited(jobs, connection):
    assert jobs.waits() == {}

    jobs.ask_review(7)
    jobs.ask_sync(7)
    first = Job.fetch("review-7", connection=connection)
    first.enqueued_at -= timedelta(hours=1)
    first.save()

    assert list(jobs.waits()) == [DEFAULT]
    assert jobs.waits()[DEFAULT] >= 3600


def test_progress_is_read_until_nothing_is_left(jobs, connection):
    with jobs.alone("refresh-1"), jobs.alone("refresh-2"):
        jobs.note_progress("refresh-1", JobProgress(200, 100, 12.5))
        jobs.note_progress("refresh-2", JobProgress(3, 7, 0.5))

        assert jobs.read_progress()["refresh-1"] == JobProgress(200, 100, 12.5)
        assert 0 < connection.ttl("loop:progress:refresh-1") <= PROGRESS_SECONDS
        jobs.note_progress("refresh-1", JobProgress(300, 0, 12.5))
        assert list(jobs.read_progress()) == ["refresh-2"]


def test_the_progress_of_a_job_that_was_killed_is_not_shown(jobs, connection):
    with jobs.alone("refresh-1"):
        jobs.note_progress("refresh-1", JobProgress(200, 100, 12.5))
        connection.delete("loop:refresh-1")  # as the lock of a killed process expires

        assert jobs.read_progress() == {}


@pytest.mark.parametrize(("workers", "places"), [(0, 1), (1, 1), (2, 1), (4, 3)])
def test_long_jobs_leave_a_worker_to_the_short_ones(jobs, connection, workers, places):
    for _ in range(workers):
        SimpleWorker([Queue(DEFAULT, connection=connection)], connection=connection).register_birth()

    with ExitStack() as running:
        taken = [running.enter_context(jobs.leave_a_worker("refresh")) for _ in range(5)]

    assert taken == [number < places for number in range(5)]


ASK = """
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import timedelta
from loop.wiring import build
from loop.training.ask import ask_training
with closing(build()) as rooms:
    print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda number: ask_training(rooms.trainings, 1, f"ask {number}"), range(25)))
"""


def test_a_hundred_asks_at_once_make_one_training_and_one_job(redis, jobs, tmp_path):
    settings = Settings.read({"LOOP_HOME": str(tmp_path), "LOOP_REDIS_URL": redis.address})
    with closing(build(settings, migrate=True)) as rooms:
        asking = [
            subprocess.Popen(
                [sys.executable, "-c", ASK],
                env={**os.environ, **settings.environment()},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        assert [one.stdout.readline() for one in asking] == ["ready\n"] * 4

        for thread in asking:
            thread.stdin.write("go\n")
            thread.stdin.flush()
        for thread in asking:
            thread.communicate(timeout=60)

        assert [one.returncode for one in asking] == [0] * 4
        assert len(rooms.trainings.store.last(1, 200)) == 1
        assert jobs.lengths() == {GPU: 1, DEFAULT: 0}


def test_a_training_that_waits_for_a_worker_is_cancelled_at_once(redis, jobs, tmp_path):
    settings = Settings.read({"LOOP_HOME": str(tmp_path), "LOOP_REDIS_URL": redis.address})
    with closing(build(settings, migrate=True)) as rooms:
        ask_training(rooms.trainings, 1, "by hand")

        assert cancel(rooms.trainings, 1).state == TrainingState.CANCELLED
        with rooms.queue.alone("retrain-1"):
            ask_training(rooms.trainings, 1, "by hand")
            assert cancel(rooms.trainings, 1).state == TrainingState.ASKED  # it runs, and stops at its next look


def test_two_projects_have_a_job_each(jobs):
    assert jobs.ask_review(1)
    assert jobs.ask_review(2)
    assert jobs.lengths()[DEFAULT] == 2


@pytest.mark.parametrize(("status", "is_added"), [("queued", False), ("finished", True)])
def test_a_job_that_ends_while_it_is_looked_at_harms_nobody_who_asks(jobs, connection, monkeypatch, status, is_added):
    fetch = Job.fetch

    def fetch_what_ends(*what, **how):
        jobs_fetched = fetch(*what, **how)
        connection.flushall()
        return jobs_fetched

    jobs.ask_review(1)
    (key,) = connection.keys("rq:job:*")
    connection.hset(key, "status", status)
    monkeypatch.setattr(Job, "fetch", fetch_what_ends)

    assert jobs.ask_review(1) is is_added  # what a job did not see any more is found by the next sweep


def test_a_failed_job_does_not_stand_in_the_way(jobs, connection):
    jobs.ask_review(1)
    Job.fetch("review-1", connection=connection).set_status("failed")
    Queue(DEFAULT, connection=connection).empty()

    assert jobs.ask_review(1)


def test_a_job_whose_worker_was_killed_is_asked_for_again(redis, jobs, connection):
    worker = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"from loop.job_queue.queue import JobQueue; JobQueue({redis.address!r}).work('default')",
        ]
    )
    Queue(DEFAULT, connection=connection).enqueue(time.sleep, 60, job_id="review-1", unique=True)
    deadline = time.monotonic() + 20
    while Job.fetch("review-1", connection=connection).get_status() != "started":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert not jobs.ask_review(1)

    worker.kill()
    worker.wait()

    assert jobs.ask_review(1)


def test_a_redis_that_is_not_there_is_told_at_once(tmp_path):
    down = JobQueue(f"unix://{tmp_path / 'none.sock'}")
    began = time.monotonic()

    with pytest.raises(UpstreamError, match="Redis did not answer"):
        down.ask_review(1)

    assert time.monotonic() - began < 0.8
    down.close()


def test_a_redis_that_hangs_is_given_up_before_label_studio_gives_us_up(redis, jobs):
    pid = redis.process.pid
    os.kill(pid, 19)  # SIGSTOP
    began = time.monotonic()
    try:
        with pytest.raises(UpstreamError, match="Redis did not answer"):
            jobs.ask_review(1)
        assert time.monotonic() - began < 0.8
    finally:
        os.kill(pid, 18)  # SIGCONT


def test_what_was_asked_for_survives_a_restart(redis, jobs, connection):
    jobs.ask_review(1)

    redis.stop()
    redis.start()

    assert jobs.lengths()[DEFAULT] == 1


def test_the_server_of_a_folder_with_a_long_and_odd_path_is_reached_by_clients_and_workers(tmp_path):
    server = EmbeddedRedis(tmp_path / "a ?b%20c#d 'é\" *" / ("n" * 100) / ("n" * 100))
    server.start()
    try:
        with closing(JobQueue(server.address)) as jobs, closing(connect(server.address)) as connection:
            assert jobs.ask_review(1)
            assert jobs.lengths() == {GPU: 0, DEFAULT: 1}
            job = Queue("other", connection=connection).enqueue(os.getpid)

            SimpleWorker(["other"], connection=connection).work(burst=True)

            assert job.return_value() == os.getpid()
    finally:
        server.stop()
