"""The embedded Milvus Lite: its address and its command."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from pathlib import Path

from loop.errors import LoopError

HOST = "127.0.0.1"  # the default is every address, and Milvus Lite has no authentication


def address(folder: Path) -> str:
    """Return its URI. The port is chosen once and stored in *folder*, where every process finds it."""
    return f"http://{HOST}:{_stored_port(folder)}"


def command(folder: Path) -> tuple[str, ...]:
    """Return the arguments of Python that start it. Only one process at a time may open the data."""
    data = ("--data-dir", str(folder / "data"))
    return ("-m", "milvus_lite", "server", *data, "--host", HOST, "--port", str(_stored_port(folder)))


def renew_port(folder: Path, seconds: float) -> None:
    """
    Choose another port if another program took the stored one. Call this before the start.

    A server that a killed run left behind has *seconds* to end. Raises LoopError if it does not: its data cannot be
    shared.
    """
    deadline = time.monotonic() + seconds
    while not _is_free(_stored_port(folder)):
        if not _is_held(folder / "data" / "LOCK"):
            (folder / "port").unlink()
        elif time.monotonic() > deadline:
            raise LoopError(f"a Milvus Lite has {folder} open: does another `loop up` run on this LOOP_HOME?")
        time.sleep(0.1)


def _is_held(path: Path) -> bool:
    """Return whether a process holds Milvus Lite's own lock."""
    if not path.exists():
        return False
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _stored_port(folder: Path) -> int:
    path = folder / "port"
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        scratch = folder / f"port.{os.getpid()}"
        scratch.write_text(str(_free_port()))
        try:
            os.link(scratch, path)  # atomic: only one process succeeds
        except FileExistsError:
            pass
        finally:
            scratch.unlink()
    return int(path.read_text())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
