"""Everything on one machine: starts the parts, starts again what dies, stops all of it."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import httpx

from loop.adapters import milvus_server
from loop.adapters.embedders import NONE
from loop.adapters.queue import DEFAULT, GPU
from loop.errors import LoopError
from loop.programs import EmbeddedRedis, Program
from loop.settings import Settings

START_SECONDS = 90.0
PORT_SECONDS = 12.0  # until what a killed run left behind has given its port back
BACKOFF = (1.0, 30.0)  # seconds before a part is started again: at first, at most


class Part(Protocol):
    """One running thing."""

    name: str

    @property
    def address(self) -> str:
        """How it is reached."""

    def start(self) -> None:
        """Start it, or start it again."""

    def is_alive(self) -> bool:
        """Whether it runs."""

    def stop(self) -> None:
        """Stop it; it may be stopped already."""


def parts_of(settings: Settings) -> list[Part]:
    """The parts of an installation, in the order they start."""
    environment = {**os.environ, **settings.environment(), "PYTHONUNBUFFERED": "1"}
    logs = settings.home / "logs"

    def program(name: str, address: str, *command: str, **extra: str) -> Program:
        return Program(name, address, [sys.executable, *command], {**environment, **extra}, logs / f"{name}.log")

    cli = ("-m", "loop.cli")
    parts: list[Part] = []
    if not settings.redis_url:
        parts.append(EmbeddedRedis(settings.redis_socket, settings.home / "redis"))
    if not settings.milvus_uri and settings.embedder != NONE:
        milvus_server.renew_port(settings.milvus_folder, PORT_SECONDS)
        parts.append(program("milvus", settings.milvus, *milvus_server.command(settings.milvus_folder)))
    parts.append(program("worker-gpu", f"queue {GPU}", *cli, "worker", GPU))
    parts += [
        program(f"worker-default-{number}", f"queue {DEFAULT}", *cli, "worker", DEFAULT)
        for number in range(1, settings.default_workers + 1)
    ]
    parts.append(program("schedule", "sweep every 10 s", *cli, "schedule"))
    metrics = settings.home / "metrics"
    parts.append(program("web", settings.local_url, *_gunicorn(settings), PROMETHEUS_MULTIPROC_DIR=str(metrics)))
    return parts


def _gunicorn(settings: Settings) -> tuple[str, ...]:
    return (
        *("-m", "gunicorn", "backend.app:create_app()", "--bind", f"{settings.host}:{settings.port}"),
        *("--workers", str(settings.web_workers), "--worker-class", "gthread", "--threads", "8"),
        *("--timeout", "120", "--graceful-timeout", "8", "--no-control-socket"),
    )


def run(parts: Sequence[Part], settings: Settings, say: Callable[[str], None]) -> None:
    """Start the parts, keep them running, and stop them at SIGINT or SIGTERM, Redis last. Raises LoopError."""
    stopping = _on_signals()
    _clear(settings)
    try:
        for part in parts:
            part.start()
            say(f"{part.name:<18} {part.address}")
        _wait_for_web(settings, parts, stopping)
        say("ready" if not stopping else "stopping")
        _keep(parts, stopping, say)
    finally:
        _stop(parts)
        say("stopped")


def _stop(parts: Sequence[Part]) -> None:
    """Stop all that uses Redis at once, then Redis."""
    programs = [part for part in parts if isinstance(part, Program)]
    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(lambda part: part.stop(), programs))
    for part in parts:
        if part not in programs:
            part.stop()


def _keep(parts: Sequence[Part], stopping: list[int], say: Callable[[str], None]) -> None:
    delays = {part.name: BACKOFF[0] for part in parts}
    due: dict[str, float] = {}
    while not stopping:
        for part in parts:
            if part.is_alive():
                continue
            if part.name not in due:
                due[part.name] = time.monotonic() + delays[part.name]
                say(f"{part.name:<18} died, starts again in {delays[part.name]:.0f} s")
            elif time.monotonic() >= due[part.name]:
                del due[part.name]
                delays[part.name] = min(BACKOFF[1], 2 * delays[part.name])
                try:
                    part.start()
                except LoopError as error:
                    say(f"{part.name:<18} {error}")
        time.sleep(0.5)


def _clear(settings: Settings) -> None:
    """Refuse a port that is taken; forget the counters of processes of an earlier run."""
    deadline = time.monotonic() + PORT_SECONDS
    while error := _bind_error(settings):
        if time.monotonic() > deadline:
            raise LoopError(f"{settings.host}:{settings.port} cannot be listened on ({error}); set LOOP_PORT")
        time.sleep(0.5)
    metrics = settings.home / "metrics"
    metrics.mkdir(parents=True, exist_ok=True)
    for old in metrics.glob("*.db"):
        old.unlink()


def _bind_error(settings: Settings) -> OSError | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            return error
    return None


def _wait_for_web(settings: Settings, parts: Sequence[Part], stopping: list[int]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not stopping:
        try:
            if httpx.get(f"{settings.local_url}/health", timeout=1.0).is_success:
                return
        except httpx.HTTPError:
            pass
        if time.monotonic() > deadline or not parts[-1].is_alive():
            raise LoopError(f"the web part did not come up; see {settings.home / 'logs' / 'web.log'}")
        time.sleep(0.2)


def _on_signals() -> list[int]:
    """A list that a signal to stop is put into."""
    received: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: received.append(number))
    return received
