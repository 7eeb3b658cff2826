"""The lock that allows one `loop up` per LOOP_HOME, and the mark of the processes that it starts."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from filelock import lock_descriptor

from loop import process_table as processes
from loop.errors import LoopError

PATIENCE = 3.0  # seconds that processes of a killed run get to end by themselves


@contextmanager
def hold(home: Path) -> Iterator[str]:
    """
    Lock *home* as long as this process runs, and yield the mark of its run.

    Processes that a killed run left behind are ended first. Raises LoopError if another `loop up` holds the lock, or a
    process of the last run does not end.
    """
    with (home / "up.lock").open("a+") as file:
        if not lock_descriptor(file.fileno(), blocking=False):
            holder = _read(file)
            process = f"process {holder.get('pid', 'unknown')} on {holder.get('host', 'this machine')}"
            raise LoopError(
                f"another `loop up` ({process}) runs on LOOP_HOME={home}: stop it, or set another LOOP_HOME"
            )
        if (before := _read(file).get("run")) and (left := processes.end(before, seconds=PATIENCE)):
            raise LoopError(
                f"processes of the last `loop up` do not end: {', '.join(str(process.pid) for process in left)}"
            )
        run = secrets.token_hex(16)
        _write(file, json.dumps({"run": run, "pid": os.getpid(), "host": socket.gethostname()}))
        yield run
        _write(file, "")


def _read(file: IO[str]) -> dict[str, str]:
    file.seek(0)
    try:
        content = json.loads(file.read())
    except ValueError:  # nobody has run yet, or is writing
        return {}
    return {str(key): str(value) for key, value in content.items()} if isinstance(content, dict) else {}


def _write(file: IO[str], text: str) -> None:
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()
