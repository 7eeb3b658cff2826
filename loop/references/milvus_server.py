"""The embedded Milvus Lite: its address and its command."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from urllib.parse import quote, unquote

from filelock import lock_descriptor

from loop.errors import LoopError

HOST, PORT = "unix:milvus.sock", 0  # gRPC takes all after "unix:" as the path of a socket
SOCKET = "milvus.sock:0"
SCHEMA = "schema.json"  # by which Milvus Lite knows a collection, in its folder
# By itself Arrow keeps freed memory in a pool of its own, and glibc in a heap for almost each thread: with every flush
# the server grew, though it held no more vectors.
ENVIRONMENT = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2"}


def address(folder: Path) -> str:
    """Return its URI, a socket in *folder*, which only its owner can enter: Milvus Lite asks nobody who calls."""
    return f"unix:{quote(os.fsencode(folder / SOCKET), safe='/:')}"


def describe(address: str) -> str:
    """Return an address as people read it: our socket has the name that gRPC makes of a host and a port."""
    is_ours = address.startswith("unix:") and address.endswith(f"/{SOCKET}")
    return f"a socket in {unquote(address.removeprefix('unix:').removesuffix(f'/{SOCKET}'))}" if is_ours else address


def command(folder: Path) -> tuple[str, ...]:
    """
    Return the arguments of Python that start it in *folder*: the path of a socket must be short.

    Only one process at a time may open the data.
    """
    program = ("-P", "-m", "milvus_lite", "server")  # -P: no module is imported from the folder
    return (*program, "--data-dir", str(folder / "data"), "--host", HOST, "--port", str(PORT))


def make_folder(folder: Path, seconds: float) -> None:
    """
    Make the folder. A server that a killed run left behind has *seconds* to end.

    Collections that it was making when it was killed are removed: they hold nothing, and it could never make them
    again. Raises LoopError if the server does not end: its data cannot be shared.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    while _is_held(folder / "data" / "LOCK"):
        if time.monotonic() > deadline:
            raise LoopError(f"a Milvus Lite has {folder} open: does another `loop up` run on this LOOP_HOME?")
        time.sleep(0.1)
    for collection in (folder / "data").glob("collections/*/"):
        names = {path.name for path in collection.iterdir()}
        if SCHEMA not in names and all(name.startswith(SCHEMA) for name in names):  # at most a part of its schema
            shutil.rmtree(collection, ignore_errors=True)


def has_data(folder: Path) -> bool:
    """Whether a server has the data of *folder* open; one whose folder was removed goes on and stores nothing."""
    return _is_held(folder / "data" / "LOCK")


def _is_held(path: Path) -> bool:
    """Return whether a process holds Milvus Lite's own lock."""
    if not path.exists():
        return False
    with path.open() as file:
        return not lock_descriptor(file.fileno(), blocking=False)
