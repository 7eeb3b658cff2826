"""`loop up` as a process of its own, tokens, and findings of the doctor, and acts beside a test."""

import base64
import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress

import psutil
from redis import Redis
from rq import Queue

from loop.installation.doctor import doctor
from loop.installation.findings import Level
from tests.builders import list_open
from tests.services import names_of, until

A_FEW_SECONDS = 12.0  # with a machine that does other things as well


@contextmanager
def meanwhile(act):
    """Do an act again and again, in another thread, until the end of the `with` block."""
    ended = threading.Event()

    def repeat():
        while not ended.is_set():
            act()

    other = threading.Thread(target=repeat)
    other.start()
    try:
        yield
    finally:
        ended.set()
        other.join()


@contextmanager
def started(settings, **options):
    """`loop up`, whose output goes to a file; killed with all that is left of it in the end."""
    log = settings.home.parent / "up.log"
    environment = {**os.environ, **settings.environment(), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "loop.cli.main", "up"]
    with log.open("w") as output:
        streams = {"stdout": output, "stderr": output, **options}
        process = subprocess.Popen(command, env=environment, start_new_session=True, **streams)
    process.log = log
    try:
        yield process
    finally:
        for left in [psutil.Process(process.pid), *of_home(settings)] if process.poll() is None else of_home(settings):
            with suppress(psutil.Error):
                left.kill()
        process.wait()


def of_home(settings):
    """Every process of this machine, but this one, that was started with that LOOP_HOME."""
    processes = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get("LOOP_HOME") == str(settings.home):
                processes.append(process)
    return processes


def assert_all_end(settings, process):
    until(lambda: not of_home(settings), A_FEW_SECONDS, every=0.1)
    process.wait(1)
    assert list_open(settings.home) == []


def is_ready(process):
    assert process.poll() is None, process.log.read_text()
    return "ready" in process.log.read_text()


def the_epoch(rooms):
    return (rooms.trainings.store.last(1)[0].progress or {}).get("epoch", 0)


def make_busy(settings, rooms, process):
    """Wait until a training and a refresh run, and a job whose child has a session of its own."""
    until(lambda: is_ready(process), 120)
    queue = Queue("default", connection=Redis.from_url(settings.redis))
    queue.enqueue(subprocess.call, ["sleep", "600"], start_new_session=True)
    until(lambda: "sleep" in names_of(of_home(settings)), 60)
    until(lambda: the_epoch(rooms) >= 2, 120)
    queue.connection.close()


def unwell(rooms, **options):
    """The findings that are not ok, by check."""
    return {one.check: one for one in doctor(rooms.installation, **options) if one.level != Level.OK}


def jwt(**claims):
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJIUzI1NiJ9.{body}.c2lnbmVk"
