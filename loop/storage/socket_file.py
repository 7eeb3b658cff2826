"""Sockets in the file system, whose path may be longer than the system takes for a socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST = 100  # bytes; systems take 104 to 108


@contextmanager
def short_path(path: str) -> Iterator[str]:
    """Yield a path of the same socket that is short enough during the `with` block. Raises OSError."""
    if len(os.fsencode(path)) < LONGEST:
        yield path
        return
    folder, name = os.path.split(path)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def connect(path: str, seconds: float | None) -> socket.socket:
    """Connect to the socket at *path* within *seconds*. Raises OSError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        with short_path(path) as short:
            connection.connect(short)
    except OSError:
        connection.close()
        raise
    return connection
