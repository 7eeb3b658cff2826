"""Processes beside a test: one that locks the records, and one that takes events in."""

import os
import resource
import signal
import time
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context

from loop.errors import RecordsDown
from loop.reviews.event_file import connect_events
from loop.reviews.event_store import EventStore
from loop.storage.database import connect
from tests.builders import created

FORK = get_context("fork")


@contextmanager
def locked(records, *, events_too=True):
    """Another process writes into the records and into the file of events unless told otherwise, and does not end."""
    ready = FORK.Event()

    def hold():
        engine = connect(f"sqlite:///{records}")
        with ExitStack() as held:
            for each in (engine, connect_events(engine))[: 1 + events_too]:
                held.enter_context(each.connect()).exec_driver_sql("BEGIN IMMEDIATE")
            ready.set()
            time.sleep(120)

    process = FORK.Process(target=hold)
    process.start()
    try:
        assert ready.wait(10)
        yield
    finally:
        process.kill()
        process.join()


class Intake:
    """A process that takes events in, and reports each that it has taken; it can be killed and started again."""

    def __init__(self, records, spool, largest_file=None):
        self._arguments = (records, spool, largest_file)
        self.taken = []
        self._start()

    def _start(self):
        self._pipe, other = FORK.Pipe()
        self._process = FORK.Process(target=_take, args=(other, *self._arguments))
        self._process.start()
        other.close()

    def send(self, *numbers):
        """Send events, and do not wait for them."""
        for number in numbers:
            self._pipe.send(number)

    def wait(self):
        """Wait until all events that were sent are answered."""
        self._pipe.send(None)
        self._collect(until_none=True)

    def kill(self):
        """Kill the process with -9, and start another."""
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.join()
        self._collect()
        self._start()

    def close(self):
        self._process.kill()
        self._process.join()

    def _collect(self, *, until_none=False):
        try:
            while until_none or self._pipe.poll():
                answer = self._pipe.recv()
                if answer is None:
                    return
                self.taken.append(answer)
        except (EOFError, ConnectionResetError):  # killed
            self._pipe.close()


def event_of(number):
    return created(annotation=number, task=number)


def _take(pipe, records, spool, largest_file):
    if largest_file is not None:  # beyond it, writing fails as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    events = EventStore(connect(f"sqlite:///{records}"), spool)
    while True:
        number = pipe.recv()
        answer = number
        if number is not None:
            event = event_of(number)
            try:
                events.append(1, event["action"], event)
            except RecordsDown as error:
                answer = type(error).__name__
        pipe.send(answer)
