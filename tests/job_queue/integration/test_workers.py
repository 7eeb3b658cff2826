"""Workers that are stopped and killed, on a real Redis-protocol server."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from operator import methodcaller

import pytest
from redis.connection import AbstractConnection as Connection
from rq import Worker
from rq.job import Job
from rq.worker import WorkerStatus

from loop.job_queue.queue import DEFAULT, JobQueue
from loop.job_queue.worker import MARK_SECONDS, TAKEN_SECONDS
from tests.job_queue.builders import WORK
from tests.services import children, names_of, until

ASK = methodcaller("ask_review", 1)


@pytest.fixture
def worker(redis, queue):
    """A worker in the middle of a job that has a child in a session of its own."""
    process = subprocess.Popen([sys.executable, "-c", WORK, redis.address], stdout=subprocess.PIPE, text=True)
    queue.enqueue(subprocess.call, ["sleep", "300"], start_new_session=True, job_id="review-1", unique=True)
    until(lambda: len(children(process)) == 2, 30)
    yield process
    process.kill()
    process.communicate()


def is_idle(connection):
    """Whether a worker waits for jobs: it is registered before it handles signals."""
    return [worker.get_state() for worker in Worker.all(connection=connection)] == [WorkerStatus.IDLE]


def assert_gone(processes):
    until(lambda: not names_of(processes), 5)


def test_told_to_stop_it_kills_its_job_and_puts_it_back(worker, queue, jobs):
    horses = children(worker)
    began = time.monotonic()

    worker.terminate()

    assert worker.wait(10) == 0
    assert time.monotonic() - began < 6
    assert_gone(horses)
    assert (queue.job_ids, queue.started_job_registry.count, queue.failed_job_registry.count) == (["review-1"], 0, 0)
    # its last line names the job that was stopped
    assert worker.stdout.read().splitlines()[-1] == "subprocess.call (['sleep', '300'],)"
    assert not jobs.ask_review(1)  # it stands already


def test_told_to_stop_while_the_collector_calls_back_it_ends_too(redis, connection):
    """Python drops an exception that a signal raises in such a callback."""
    lost = "LoopWorker._shutdown = lambda worker: None\n"
    begin = WORK.rindex("LoopWorker(")
    process = subprocess.Popen([sys.executable, "-c", WORK[:begin] + lost + WORK[begin:], redis.address])
    until(lambda: is_idle(connection), 30)

    process.terminate()

    assert process.wait(12) == 0


def test_told_to_stop_without_a_job_it_ends_at_once(redis, connection):
    process = subprocess.Popen([sys.executable, "-c", WORK, redis.address])
    until(lambda: is_idle(connection), 30)

    process.send_signal(signal.SIGINT)

    assert process.wait(5) == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP], ids=lambda number: number.name)
def test_killed_it_takes_its_job_with_it(worker, number):
    horses = children(worker)

    worker.send_signal(number)

    assert_gone(horses)


def test_after_a_kill_what_was_begun_is_put_back_and_the_dead_are_forgotten(worker, queue, jobs):
    worker.kill()
    worker.wait()

    jobs.put_back()

    assert queue.job_ids == ["review-1"]
    assert jobs.workers() == {}


def test_a_job_that_was_taken_and_not_begun_is_put_back_once(queue, jobs):
    for name in ("review-1", "review-2"):
        queue.enqueue(time.sleep, 0, job_id=name)
    queue.connection.rpoplpush(queue.key, queue.intermediate_queue_key)

    jobs.put_back()
    jobs.put_back()

    assert sorted(queue.job_ids) == ["review-1", "review-2"]
    assert queue.connection.llen(queue.intermediate_queue_key) == 0


def test_a_worker_whose_id_another_process_has_by_now_is_gone(worker, queue, jobs):
    job = Job.fetch("review-1", connection=queue.connection)
    assert not jobs.ask_review(1)
    worker.kill()
    worker.wait()

    queue.connection.hset(f"rq:worker:{job.worker_name}", mapping={"pid": os.getpid(), "birth": "2020-01-01T00:00:00Z"})

    assert jobs.ask_review(1)


def test_a_redis_that_is_away_for_a_while_costs_no_job(worker, redis, queue):
    horses = children(worker)
    redis.kill()
    time.sleep(2)  # and more than one heartbeat

    redis.start()

    time.sleep(2)

    assert [one.is_running() for one in horses] == [True, True]
    assert worker.poll() is None


def test_a_worker_with_a_job_is_known_again_to_a_redis_that_lost_its_data(worker, queue, jobs):
    queue.connection.flushall()

    until(lambda: jobs.workers() == {DEFAULT: 1}, 15)

    assert worker.poll() is None


def test_a_worker_without_a_job_is_known_again_to_a_redis_that_lost_its_data(redis, queue, jobs):
    process = subprocess.Popen([sys.executable, "-c", WORK, redis.address])
    until(jobs.workers, 30)

    queue.connection.flushall()

    until(lambda: jobs.workers() == {DEFAULT: 1}, 30)
    process.terminate()
    process.wait(10)


def test_a_job_that_a_dead_worker_took_and_did_not_begin_is_asked_for_again_within_seconds(queue, jobs):
    assert jobs.ask_review(1)
    queue.connection.rpoplpush(queue.key, queue.intermediate_queue_key)
    is_lost_at_once = jobs.ask_review(1)

    until(lambda: jobs.ask_review(1), 15)

    assert not is_lost_at_once  # a worker may be about to begin it
    assert queue.job_ids == ["review-1"]
    assert queue.intermediate_queue.get_job_ids() == []


def test_jobs_that_a_dead_worker_took_and_did_not_begin_are_put_back_within_seconds(queue, jobs):
    assert jobs.ask_sync_all()
    assert jobs.ask_review(1)
    queue.connection.rpoplpush(queue.key, queue.intermediate_queue_key)
    queue.connection.rpoplpush(queue.key, queue.intermediate_queue_key)
    jobs.put_back_lost()
    at_once = queue.job_ids  # a worker may be about to begin them

    def are_back():  # each some seconds after it was taken
        jobs.put_back_lost()
        return len(queue.job_ids) == 2

    until(are_back, 15)

    assert at_once == []
    assert sorted(queue.job_ids) == ["review-1", "sync_all"]
    assert queue.intermediate_queue.get_job_ids() == []


@pytest.fixture
def slow_redis(monkeypatch):
    """A Redis that hears a command only after a while: processes that work on it at once get between each other's."""
    send, delays = Connection.send_packed_command, random.Random(0)

    def send_late(*args, **options):
        time.sleep(delays.uniform(0, 0.003))
        return send(*args, **options)

    monkeypatch.setattr(Connection, "send_packed_command", send_late)


@pytest.mark.usefixtures("slow_redis")
@pytest.mark.parametrize(
    "acts",
    [
        pytest.param((JobQueue.put_back_lost, JobQueue.put_back_lost), id="both-put-it-back"),
        pytest.param((JobQueue.put_back_lost, ASK), id="one-asks-for-it"),
        pytest.param((ASK, ASK), id="both-ask-for-it"),
        pytest.param((JobQueue.put_back, ASK), id="loop-up-begins"),
    ],
)
def test_a_lost_job_that_two_processes_find_at_once_waits_once(redis, queue, jobs, acts):
    found = []
    with closing(JobQueue(redis.address)) as other, ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            assert jobs.ask_review(1)
            queue.connection.rpoplpush(queue.key, queue.intermediate_queue_key)
            jobs.put_back_lost()
            for mark in queue.connection.scan_iter("loop:taken:*"):
                queue.connection.expire(mark, MARK_SECONDS - TAKEN_SECONDS)  # as if that time had passed
            together = threading.Barrier(2)
            list(pool.map(lambda act, one: (together.wait(), act(one)), acts, (jobs, other)))  # noqa: B023
            found.append(queue.job_ids)
            queue.empty()

    assert found == [["review-1"]] * 20


def test_a_job_that_waits_for_long_is_not_lost(queue, jobs):
    assert jobs.ask_review(1)

    assert [jobs.ask_review(1), time.sleep(TAKEN_SECONDS + 1), jobs.ask_review(1)] == [False, None, False]
