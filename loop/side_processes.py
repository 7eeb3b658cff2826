"""Work in processes beside this one, which end with it, also where it is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Generic, TypeVar

from loop.errors import Overloaded

FIRST = 16  # chunks that are worked on in this process: for a few things a process is not worth its start
LOST = "a process beside this one was killed, perhaps because memory ran out: try again"
PROGRAM = "import sys; from loop.side_processes import serve; serve(int(sys.argv[1]))"

T = TypeVar("T")
R = TypeVar("R")


class SideProcesses(Generic[T, R]):
    """
    A process for each thread that calls it; *work* goes there, with the things and the results, as pickles.

    *begin* is called once in each of these processes. Use it in a `with` block, whose end ends the processes.
    """

    def __init__(self, work: Callable[[T], R], begin: Callable[[], None]) -> None:
        self._work, self._begin = work, begin
        self._of_thread = threading.local()
        self._lock = threading.Lock()
        self._started: list[tuple[subprocess.Popen[bytes], Connection]] = []
        self._calls = 0

    def __enter__(self) -> SideProcesses[T, R]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for _, connection in self._started:
            connection.close()  # by this a process learns that there is nothing left to do
        for process, _ in self._started:
            process.wait()

    def __call__(self, things: Sequence[T]) -> list[R]:
        """Return *work* of each thing. Raises Overloaded if the process of this thread died."""
        with self._lock:
            self._calls += 1
            is_early = self._calls <= FIRST
        if is_early:
            return [self._work(thing) for thing in things]
        try:
            connection = self._find_connection()
            connection.send(things)
            results: list[R] = connection.recv()
        except (EOFError, ConnectionError) as error:
            raise Overloaded(LOST) from error
        return results

    def _find_connection(self) -> Connection:
        """The connection to the process of this thread, which its first use starts."""
        if not hasattr(self._of_thread, "connection"):
            ours, theirs = Pipe()
            command = [sys.executable, "-c", PROGRAM, str(theirs.fileno())]
            process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
            theirs.close()
            with self._lock:
                self._started.append((process, ours))
            self._of_thread.connection = ours
            ours.send((self._work, self._begin))
        connection: Connection = self._of_thread.connection
        return connection


def serve(descriptor: int) -> None:
    """Work on the things that come, until the other end is closed or its process is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C comes to all processes of a terminal: the first one decides
    connection = Connection(descriptor)
    with suppress(EOFError, ConnectionError):
        work, begin = connection.recv()
        begin()
        while True:
            connection.send([work(thing) for thing in connection.recv()])
