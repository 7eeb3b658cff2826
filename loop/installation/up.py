"""Runs the whole installation on one machine: starts its parts, restarts those that die, stops all."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path

import httpx

from loop import process_table as processes
from loop.errors import LoopError, UpstreamError
from loop.installation import run_lock
from loop.installation.guard import Guard
from loop.installation.memory import machine_bytes, web_processes
from loop.installation.processes import EmbeddedRedis, Program
from loop.installation.upkeep import counters, part_states
from loop.installation.upkeep.keeper import Keeper
from loop.installation.upkeep.log_files import cut_logs
from loop.installation.upkeep.part_health import GRACE_SECONDS
from loop.installation.upkeep.watch import EVERY_SECONDS, PartWatch
from loop.job_queue.queue import DEFAULT, GPU, JobQueue
from loop.label_studio.client import LabelStudio
from loop.references import milvus_server
from loop.settings import Settings
from loop.vision.embedders import NONE

STOP_SECONDS = 5.0  # until a part that does not stop is killed
PORT_SECONDS = 12.0  # for an earlier process to free the port, or the data of Milvus
WEB = "web"
STUDIO_SECONDS = 3.0  # for Label Studio to answer: a signal to stop waits as long
ARENAS = "2"  # heaps of glibc in a web process: by itself it keeps freed memory in one for almost each thread
ONE_PRESS = 0.5  # seconds in which several signals count as one: a closing terminal may send several


class Stopping:
    """The signals to stop that have come since it was created."""

    def __init__(self) -> None:
        self._moments: list[float] = []
        is_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # as with `nohup`
        for number in (signal.SIGINT, signal.SIGTERM, *(() if is_nohup else (signal.SIGHUP,))):
            signal.signal(number, lambda *_: self._moments.append(time.monotonic()))

    def __bool__(self) -> bool:
        return bool(self._moments)

    @property
    def is_hurried(self) -> bool:
        """Whether another signal came after the first."""
        return bool(self._moments) and self._moments[-1] - self._moments[0] > ONE_PRESS


def up(
    settings: Settings,
    stopping: Stopping,
    say: Callable[[str], None],
    lead: Callable[[], AbstractContextManager[None]],
) -> None:
    """
    Run the installation of LOOP_HOME until it is *stopping*.

    *lead* prepares the records, and refuses where another machine leads; it is called only where no other `loop up` of
    this machine runs on LOOP_HOME. Raises LoopError.
    """
    with run_lock.hold(settings.home) as mark, counters.make_folder(settings.home) as metrics:
        _wait_for_port(settings, stopping)
        with lead():
            run(parts_of(settings, mark, metrics), settings, stopping, Guard(mark), lambda line: _say(say, line))


def parts_of(settings: Settings, mark: str = "", metrics: Path | None = None) -> list[Program]:
    """
    Return the parts of an installation in the order of their start; their processes carry the *mark*.

    The web processes count in files of the folder *metrics*; without it each counts for itself.
    """
    environment = {**os.environ, **settings.environment(), "PYTHONUNBUFFERED": "1", processes.MARK: mark}
    logs = settings.home / "logs"

    def program(name: str, address: str, *command: str, **extra: str) -> Program:
        return Program(name, address, [sys.executable, *command], {**environment, **extra}, logs / f"{name}.log")

    cli = ("-m", "loop.cli.main")
    parts: list[Program] = []
    if not settings.redis_url:
        parts.append(EmbeddedRedis(settings.redis_folder, environment, logs / "redis.log"))
    if not settings.milvus_uri and settings.embedder != NONE:
        folder = settings.milvus_folder
        milvus_server.make_folder(folder, PORT_SECONDS)
        address, command = f"a socket in {folder}", milvus_server.command(folder)
        milvus = program("milvus", address, *command, **milvus_server.ENVIRONMENT)
        milvus.folder, milvus.prepare = folder, partial(milvus_server.make_folder, folder, PORT_SECONDS)
        parts.append(milvus)
    trainer = program("worker-gpu", f"queue {GPU}", *cli, "worker", GPU)
    trainer.priority = processes.LOW
    parts.append(trainer)
    parts += [
        program(f"worker-default-{number}", f"queue {DEFAULT}", *cli, "worker", DEFAULT)
        for number in range(1, settings.default_workers + 1)
    ]
    parts.append(program("schedule", "sweep every 10 s", *cli, "schedule"))
    look, watch = f"work of each part, every {EVERY_SECONDS:.0f} s", ("-m", "loop.installation.upkeep.watch")
    parts.append(PartWatch("watch", look, [sys.executable, *watch], environment, logs / "watch.log"))
    counting = {"PROMETHEUS_MULTIPROC_DIR": str(metrics)} if metrics else {}
    parts.append(program(WEB, settings.local_url, *_gunicorn(settings), MALLOC_ARENA_MAX=ARENAS, **counting))
    return parts


def _gunicorn(settings: Settings) -> tuple[str, ...]:
    count = settings.web_workers or web_processes(machine_bytes())
    return (
        *("-m", "gunicorn", "--config", "python:backend.gunicorn_options", "backend.app:create_app()"),
        *("--bind", settings.listens_at, "--workers", str(count)),
    )


def run(
    parts: Sequence[Program], settings: Settings, stopping: Stopping, guard: Guard, say: Callable[[str], None]
) -> None:
    """Start the parts, keep them running until it is *stopping*, and stop them, Redis last. Raises LoopError."""
    guard.start()
    keeper = Keeper(parts, partial(part_states.write, settings.home, guard.run), say)
    try:
        for part in parts:
            if stopping:
                break
            part.start()
            say(f"{part.name:<18} {part.address}")
            if isinstance(part, EmbeddedRedis):
                _put_back(settings)
        keeper.note_starts()
        say(f"{'access':<18} {_describe_access(settings)}")
        say(f"{'dashboard':<18} {settings.backend_url}/loop/; `loop dashboard` prints a link that signs in")
        if trouble := find_studio_trouble(settings):
            say(f"{'label studio':<18} {trouble}")
        _wait_for_web(settings, parts, stopping)
        say("stopping" if stopping else "ready")
        _keep(keeper, settings, stopping, guard)
    finally:
        part_states.remove(settings.home)
        _stop(parts, stopping, guard)
    say("stopped")


def _put_back(settings: Settings) -> None:
    """Put jobs that a worker had begun back into their queues: no worker of this Redis runs yet."""
    queue = JobQueue(settings.redis)
    queue.put_back()
    queue.close()


def find_studio_trouble(settings: Settings) -> str:
    """Return why the parts, which have the key of this process, cannot work with Label Studio; empty if they can."""
    studio = LabelStudio(settings.label_studio_url, settings.label_studio_api_key, timeout=STUDIO_SECONDS)
    try:
        studio.check_key()
    except UpstreamError as error:
        return str(error)
    finally:
        studio.close()
    return ""


def _describe_access(settings: Settings) -> str:
    """Say who gets in, without any secret."""
    if settings.basic_auth_user:
        return f"the user {settings.basic_auth_user}, and tokens of `loop tokens add`"
    return "`loop connect` gives Label Studio a login; `loop tokens add` makes a token for a program"


def _stop(parts: Sequence[Program], stopping: Stopping, guard: Guard) -> None:
    """Stop the parts that use Redis, then Redis, then remaining processes. Raises LoopError if a process stays."""
    last = [part for part in parts if isinstance(part, EmbeddedRedis)]
    _end([part for part in parts if part not in last], stopping, STOP_SECONDS)
    processes.end(guard.run, but=[part.process.pid for part in last if part.process])
    _end(last, stopping, 2 * STOP_SECONDS)
    left = processes.end(guard.run)
    guard.stop()
    if left:
        raise LoopError(f"these processes do not end: {', '.join(str(process.pid) for process in left)}")


def _end(parts: Sequence[Program], stopping: Stopping, seconds: float) -> None:
    """Ask programs to stop; kill those that still run after *seconds*, or after a second signal."""
    deadline = time.monotonic() + seconds
    for part in parts:
        part.ask_to_stop()
    while any(part.is_running() for part in parts) and time.monotonic() < deadline and not stopping.is_hurried:
        time.sleep(0.05)
    for part in parts:
        part.kill()


def _keep(keeper: Keeper, settings: Settings, stopping: Stopping, guard: Guard) -> None:
    while not stopping:
        if not guard.is_alive():
            with suppress(OSError):  # no memory for a process: the next look tries again
                guard.start()
        keeper.look()
        cut_logs(settings.home / "logs")
        time.sleep(0.5)


def _wait_for_port(settings: Settings, stopping: Stopping) -> None:
    """Wait for the port of the backend. Raises LoopError."""
    deadline = time.monotonic() + PORT_SECONDS
    while (error := _bind_error(settings)) and not stopping:
        if time.monotonic() > deadline:
            raise LoopError(f"cannot listen on {settings.listens_at} ({error}): set another LOOP_HOST or LOOP_PORT")
        time.sleep(0.2)


def _bind_error(settings: Settings) -> OSError | None:
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            return error
    return None


def _wait_for_web(settings: Settings, parts: Sequence[Program], stopping: Stopping) -> None:
    deadline = time.monotonic() + GRACE_SECONDS
    while not stopping:
        try:
            if httpx.get(f"{settings.local_url}/health", timeout=1.0).is_success:
                return
        except httpx.HTTPError:
            pass
        if time.monotonic() > deadline or not parts[-1].is_alive():
            raise LoopError(f"the web part did not come up; see {settings.home / 'logs' / 'web.log'}")
        time.sleep(0.2)


def _say(say: Callable[[str], None], line: str) -> None:
    """Print a line; a closed terminal is no reason to leave a stop half done."""
    with suppress(OSError):
        say(line)
