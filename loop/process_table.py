"""Finds and ends all processes that one `loop up` started, by a mark in their environment; gives others priority."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import psutil

MARK = "LOOP_RUN"  # variable that every process below a `loop up` inherits
KILL_SECONDS = 10.0  # that a killed process may take to end; longer only where the kernel holds it
LOWER, LOW = 5, 10  # priorities, as `nice` counts
SESSION = Path("/proc/self/autogroup")  # only where the kernel shares the processors out by sessions
QUIET_SECONDS = 0.3  # without any process, after which none can be about to start


def find(run: str, *, but: Collection[int] = ()) -> list[psutil.Process]:
    """Return the processes whose environment has the mark *run*, except this process and the ids in *but*."""
    spared = {os.getpid(), *but}
    return [process for process in psutil.process_iter() if process.pid not in spared and _mark(process) == run]


def end(run: str, *, seconds: float = 0.0, but: Collection[int] = ()) -> list[psutil.Process]:
    """
    Ask every process of *run* to stop, kill the rest after *seconds*, and return the processes that do not end.

    The search is repeated until it finds none for a while: a process may have been starting another.
    """
    if seconds and (processes := find(run, but=but)):
        for process in processes:
            with suppress(psutil.Error):
                process.terminate()
        psutil.wait_procs(processes, seconds)
    deadline, quiet_since = time.monotonic() + KILL_SECONDS, time.monotonic()
    while time.monotonic() < deadline:
        running = find(run, but=but)
        if running:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > QUIET_SECONDS:
            return []
        for process in running:
            with suppress(psutil.Error):
                process.kill()
        time.sleep(0.1)
    return find(run, but=but)


def step_back(priority: int = LOW) -> None:
    """Let other work go first from now on, in this thread and in all that it starts."""
    os.setpriority(os.PRIO_PROCESS, 0, max(priority, os.getpriority(os.PRIO_PROCESS, 0)))


def step_back_with_session(priority: int) -> None:
    """
    Let other work go first, also work of other sessions, until the session that this process began ends.

    Linux usually gives each session an equal share of the processors (autogroup), and the priorities of processes count
    only within it.
    """
    step_back(priority)
    with suppress(OSError):  # no such shares, or none that we may set; or another process changed one just now
        SESSION.write_text(str(priority))


def kill_tree(pid: int) -> None:
    """
    Kill a process, all its descendants in whatever session, and the process group that it leads.

    It goes before them, so that it never sees them end and takes that for a result; this process itself goes last.
    """
    is_other = pid != os.getpid()
    descendants = list[psutil.Process]()
    with suppress(psutil.Error):
        root = psutil.Process(pid)
        if is_other:
            root.suspend()  # it starts no more processes
        descendants = root.children(recursive=True)
        if is_other:
            root.kill()
    for process in descendants:
        with suppress(psutil.Error):
            process.kill()
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _mark(process: psutil.Process) -> str | None:
    try:
        mark: str | None = process.environ().get(MARK)
    except (psutil.Error, OSError):  # of another user, or ended
        return None
    return mark
