"""The faults that are played: each begins in `with`, and has ended after it."""

import os
import shutil
import signal
import sqlite3
import time
from contextlib import ExitStack, closing, contextmanager

from loop.job_queue.connection import connect
from loop.storage.database import name_events
from tests.chaos.installation import set_clock
from tests.chaos.studio_proxy import DOWN, HANGING, WELL
from tests.chaos.work_faults import import_killed, jobs_wait_for_nobody, promotion_killed, training_killed
from tests.services import children, names_of, until

LOCK_SECONDS = 30.0
ILL_SECONDS = 5.0  # of Label Studio
CLOCK_SECONDS = 10.0  # that a clock is wrong


def kill(*words, recursive=True, count=1):
    """The first *count* processes with these words in their command are killed with -9."""

    @contextmanager
    def fault(installation):
        installation.be_at_work()
        processes = children(installation.up, *words, recursive=recursive)[:count]
        assert processes, words
        for process in processes:
            os.kill(process.pid, signal.SIGKILL)
        installation.over_at = time.monotonic()
        yield

    return fault


@contextmanager
def web_process_killed(installation):
    """One of the processes that answer."""
    installation.be_at_work()
    (arbiter,) = children(installation.up, "gunicorn", recursive=False)
    os.kill(arbiter.children()[0].pid, signal.SIGKILL)
    installation.over_at = time.monotonic()
    yield


@contextmanager
def redis_wiped(installation):
    installation.be_at_work()
    with closing(connect(installation.settings.redis)) as redis:
        redis.flushall()
    installation.over_at = time.monotonic()
    yield


@contextmanager
def milvus_folder_gone(installation):
    shutil.rmtree(installation.home / "milvus")
    installation.over_at = time.monotonic()
    yield


@contextmanager
def disk_full(installation):
    """Not a byte is free."""
    ballast = installation.home.parent / "ballast"
    with ballast.open("wb") as file:
        try:
            while True:
                file.write(bytes(1 << 20))
                file.flush()
        except OSError:
            pass
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def records_locked(installation):
    """Another program writes into the records and into the file of events, and does not end."""
    with ExitStack() as held:
        records = installation.home / "loop.sqlite3"
        for path in (records, name_events(records)):
            other = held.enter_context(closing(sqlite3.connect(path, timeout=60, isolation_level=None)))
            other.execute("BEGIN IMMEDIATE")
        until_at = time.monotonic() + LOCK_SECONDS
        yield
        time.sleep(max(0.0, until_at - time.monotonic()))


def studio_is(state):
    """Label Studio, as the loop sees it, is *state*."""

    @contextmanager
    def fault(installation):
        installation.proxy.become(state)
        until_at = time.monotonic() + ILL_SECONDS
        try:
            yield
            time.sleep(max(0.0, until_at - time.monotonic()))
        finally:
            installation.proxy.become(WELL)

    return fault


def hangs(*words, recursive=True, count=1):
    """The first *count* processes, each with all that it started, are alive and do nothing."""

    @contextmanager
    def fault(installation):
        installation.be_at_work()
        processes = children(installation.up, *words, recursive=recursive)[:count]
        assert processes, words
        for process in processes:
            for each in [*process.children(recursive=True), process]:
                each.suspend()
        installation.over_at = time.monotonic()
        yield
        installation.afterwards = lambda: until(lambda: not names_of(processes), 180)

    return fault


@contextmanager
def studio_restored(installation):
    """Label Studio has the data of a while ago; reviews made since are gone there, and their ids are given again."""
    installation.studio.back_up()
    before = dict(installation.annotator.decided)
    yield
    installation.studio.restore()
    installation.annotator.decided = before
    installation.rooms.queue.ask_sync(installation.project_id)  # the schedule does so every five minutes


def clock_is(seconds):
    """The clock of all parts of the loop is off by a number of seconds, and then right again."""

    @contextmanager
    def fault(installation):
        set_clock(installation.clock, seconds)
        try:
            yield
            time.sleep(CLOCK_SECONDS)
        finally:
            set_clock(installation.clock, 0)

    return fault


KILLED = {
    "a web process is killed": web_process_killed,
    "the web part is killed": kill("gunicorn", recursive=False),
    "a worker is killed": kill("worker", "default", recursive=False),
    "all workers are killed": kill("loop.cli.main", "worker", recursive=False, count=9),
    "the schedule is killed": kill("loop.cli.main", "schedule"),
    "Redis is killed": kill("valkey-server"),
    "Milvus is killed": kill("milvus_lite"),
}
HANGING_PARTS = {
    "Milvus hangs": hangs("milvus_lite"),
    "a worker hangs": hangs("worker", "default", recursive=False),
    "all workers hang": hangs("loop.cli.main", "worker", recursive=False, count=9),
    "jobs wait for an answer that never comes": jobs_wait_for_nobody,
}
GONE = {
    "Redis is wiped": redis_wiped,
    "Milvus' folder is gone": milvus_folder_gone,
    "the disk is full": disk_full,
    f"SQLite is locked for {LOCK_SECONDS:.0f} s": records_locked,
}
STUDIO = {
    "Label Studio is down": studio_is(DOWN),
    "Label Studio hangs": studio_is(HANGING),
    "Label Studio answers 500": studio_is(500),
    "Label Studio answers 502": studio_is(502),
}
CUT_OFF = {
    "an import of reviews is killed": import_killed,
    "a training is killed twice": training_killed,
    "promotions are killed": promotion_killed,
}
OTHERS = {
    "Label Studio is restored from an older backup": studio_restored,
    "the clock is an hour ahead": clock_is(3600),
    "the clock is an hour behind": clock_is(-3600),
}
FAULTS = {**CUT_OFF, **OTHERS, **KILLED, **GONE, **STUDIO, **HANGING_PARTS}
