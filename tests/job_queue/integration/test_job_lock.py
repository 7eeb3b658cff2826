"""Locks on a real Redis-protocol server."""

import time

from loop.job_queue import job_lock


def test_one_holder_at_a_time(jobs):
    with jobs.alone("retrain-1") as first, jobs.alone("retrain-1") as second, jobs.alone("retrain-2") as other:
        assert (first, second, other) == (True, False, True)
    with jobs.alone("retrain-1") as again:
        assert again


def test_a_lock_is_renewed_while_it_is_held_and_runs_out_when_its_holder_died(jobs, connection, monkeypatch):
    monkeypatch.setattr(job_lock, "LOCK_SECONDS", 0.6)
    with jobs.alone("x"):
        time.sleep(1.5)
        with jobs.alone("x") as second:
            assert not second
    connection.lock("loop:x", timeout=0.6).acquire()

    time.sleep(0.8)

    with jobs.alone("x") as freed:
        assert freed


def test_a_redis_that_lost_its_data_gets_the_lock_back_from_its_holder(jobs, connection, monkeypatch):
    monkeypatch.setattr(job_lock, "LOCK_SECONDS", 0.6)
    with jobs.alone("x"):
        connection.flushall()
        time.sleep(0.4)

        with jobs.alone("x") as second:
            assert not second
    with jobs.alone("x") as freed:
        assert freed
