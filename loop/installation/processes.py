"""Processes of this machine that can be started, watched and stopped."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from loop.errors import UpstreamError
from loop.job_queue import redis_server
from loop.job_queue.connection import connect
from loop.job_queue.liveness import PART
from loop.process_table import step_back_with_session

STOP_SECONDS = 10.0  # for Redis to write its data
READY_SECONDS = 30.0  # for Redis to read its data


@dataclass
class Program:
    """A part of the installation that runs as its own process; its output goes to a log file."""

    name: str
    address: str
    command: Sequence[str]
    environment: dict[str, str]
    log: Path
    folder: Path | None = None  # that it runs in
    process: subprocess.Popen[bytes] | None = None
    output: int | None = None  # descriptor that standard output goes to, instead of the log
    prepare: Callable[[], None] = lambda: None  # called before each start
    priority: int = 0  # as `nice` counts, of its session too

    def start(self) -> None:
        """Start the process in its own session: Ctrl-C reaches only `loop up`."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.prepare()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env={**self.environment, PART: self.name},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log if self.output is None else self.output,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with(os.getpid(), self.priority),  # noqa: PLW1509 (started before any thread)
            )

    def is_alive(self) -> bool:
        """Whether the part works."""
        return self.is_running()

    def is_running(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Ask the process to stop; it may have stopped already."""
        if self.process and self.is_running():
            self.process.terminate()

    def kill(self) -> None:
        """Kill the process, unless it has stopped already."""
        if self.process and self.is_running():
            self.process.kill()
            self.process.wait()


class EmbeddedRedis(Program):
    """A server of the Redis protocol from a package; its data and its socket are in a folder of its owner."""

    def __init__(self, folder: Path, environment: dict[str, str] | None = None, log: Path | None = None) -> None:
        self._folder = folder
        command, address = redis_server.command(folder), redis_server.url(folder)
        super().__init__("redis", address, command, environment or dict(os.environ), log or folder / "redis.log")

    def start(self) -> None:
        """Start the server and wait until it answers; stop another on its socket first. Raises UpstreamError."""
        if self.is_alive() and self.is_running():
            return
        self.kill()  # if it runs and does not answer
        self._shut_down()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        super().start()
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_alive():
            if not self.is_running() or time.monotonic() > deadline:
                raise UpstreamError(f"the embedded Redis does not start; see {self.log}")
            time.sleep(0.05)

    def is_alive(self) -> bool:
        """Whether the server answers; one that refuses to write, on a full disk, goes on by itself when it can."""
        try:
            return bool(self._client(timeout=2.0).ping())
        except ResponseError:
            return True
        except RedisError:
            return False

    def stop(self) -> None:
        """Ask the server to write its data and end, and wait for it."""
        self.ask_to_stop()
        if self.process:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)

    def _shut_down(self) -> None:
        with suppress(RedisError):
            self._client(timeout=STOP_SECONDS).shutdown()

    def _client(self, timeout: float) -> Redis:
        return connect(self.address, socket_timeout=timeout, retry=Retry(NoBackoff(), 0))


def _end_with(parent: int, priority: int) -> Callable[[], None]:
    """Return the first steps of a process: Linux stops it when its *parent* ends, even if the parent is killed."""

    def prepare() -> None:
        if priority:
            step_back_with_session(priority)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # its parent handles them itself
            signal.signal(number, signal.SIG_DFL)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:  # the parent has ended already
            os._exit(1)

    return prepare
