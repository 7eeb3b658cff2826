"""The processes of one `loop up`, however far down, by a mark in their environment."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection
from contextlib import suppress

import psutil

MARK = "LOOP_RUN"  # variable that every process below a `loop up` inherits
KILL_SECONDS = 10.0  # that a killed process may take to go; longer only where the kernel holds it
QUIET_SECONDS = 0.3  # without any process, until there is none that was just being started


def find(run: str, *, but: Collection[int] = ()) -> list[psutil.Process]:
    """Every process whose environment carries the mark *run*, but those of the ids *but* and this one."""
    spared = {os.getpid(), *but}
    return [process for process in psutil.process_iter() if process.pid not in spared and _mark(process) == run]


def end(run: str, *, seconds: float = 0.0, but: Collection[int] = ()) -> list[psutil.Process]:
    """
    Ask every process of *run* to stop, kill those that are left after *seconds*, and return those that do not go.

    It looks again until there is none for a while: one process may have been starting another.
    """
    if seconds and (asked := find(run, but=but)):
        for process in asked:
            with suppress(psutil.Error):
                process.terminate()
        psutil.wait_procs(asked, seconds)
    deadline, quiet_since = time.monotonic() + KILL_SECONDS, time.monotonic()
    while time.monotonic() < deadline:
        left = find(run, but=but)
        if left:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > QUIET_SECONDS:
            return []
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        time.sleep(0.1)
    return find(run, but=but)


def kill_tree(pid: int) -> None:
    """Kill a process, all below it, in whatever session, and what else is in the group that it leads."""
    with suppress(psutil.Error):
        below = psutil.Process(pid).children(recursive=True)
        for process in below:
            with suppress(psutil.Error):
                process.kill()
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _mark(process: psutil.Process) -> str | None:
    try:
        mark: str | None = process.environ().get(MARK)
    except (psutil.Error, OSError):  # another user's, or gone
        return None
    return mark
