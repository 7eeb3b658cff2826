"""The schedule on a real Redis-protocol server."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

from rq import Queue
from rq.cron import get_cron_job_history_key

import loop.jobs
from loop.job_queue.liveness import SignsOfLife
from loop.job_queue.queue import DEFAULT, JobQueue
from loop.job_queue.schedule import SteadySchedule


def test_a_job_of_the_schedule_may_take_until_it_is_due_again(redis, connection):
    code = f"""
import time
from loop.job_queue.queue import JobQueue
JobQueue({redis.address!r}).schedule((time.time, 10), (time.sleep, 21600))
"""
    schedule = subprocess.Popen([sys.executable, "-c", code])
    try:
        deadline = time.monotonic() + 20
        while len(waiting := Queue(DEFAULT, connection=connection).jobs) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        schedule.terminate()
        schedule.wait()

    assert {job.func_name: job.timeout for job in waiting} == {"time.time": 180, "time.sleep": 21600}


def test_a_clock_that_is_set_back_delays_no_job_of_the_schedule(connection, monkeypatch):
    clock = [datetime(2026, 11, 26, 12, tzinfo=UTC)]
    monkeypatch.setattr("rq.cron.now", lambda: clock[0])
    schedule = SteadySchedule(connection=connection)
    schedule.register(loop.jobs.sweep, queue_name=DEFAULT, interval=1)
    schedule.enqueue_jobs()

    clock[0] -= timedelta(hours=1)
    pause = schedule.calculate_sleep_interval()
    time.sleep(1.1)
    schedule.enqueue_jobs()

    assert 0 < pause <= 1
    assert Queue(DEFAULT, connection=connection).count == 2


def test_sweeps_are_seen_and_counted_on_after_a_clock_that_was_days_ahead_is_set_right(redis, connection):
    ahead = time.time() + 2 * 24 * 3600
    connection.zadd(
        get_cron_job_history_key("loop.jobs.sweep"), {f"old-{number}": ahead + number for number in range(1000)}
    )
    signs, queue = SignsOfLife(redis.address), JobQueue(redis.address)
    before = signs.of_schedule()
    schedule = SteadySchedule(connection=connection)
    schedule.register(loop.jobs.sweep, queue_name=DEFAULT, interval=1)

    schedule.enqueue_jobs()

    assert signs.of_schedule() != before
    assert queue.last_scheduled("loop.jobs.sweep").timestamp() <= time.time()


def test_a_schedule_that_starts_again_does_not_repeat_what_an_earlier_one_did(connection):
    def enqueue():
        schedule = SteadySchedule(connection=connection)
        for job, interval in ((loop.jobs.sweep, 1), (loop.jobs.tidy, 6 * 3600)):
            schedule.register(job, queue_name=DEFAULT, interval=interval)
        return [job.func_name for job in schedule.enqueue_jobs()]

    first = enqueue()
    time.sleep(1.1)

    assert first == ["loop.jobs.sweep", "loop.jobs.tidy"]
    assert enqueue() == ["loop.jobs.sweep"]
