"""ML backends as a benchmark starts them: ours with a number of web processes, and any other by its command."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil

from loop.installation.up import WEB, parts_of
from loop.registry.export import Parity, export_once
from loop.registry.store import VersionFacts
from loop.settings import Settings
from loop.vision.cpu.model_file import SUFFIX
from loop.wiring import build
from scripts.bench import weights
from scripts.bench.backend_client import PROJECT, Served
from scripts.demo import project as projects
from scripts.demo.label_studio import free_port

PATIENCE = 120.0  # seconds


@dataclass(frozen=True, slots=True)
class StartedBackend:
    """A backend that runs, with the seconds from its start to its first prediction; None where it ran before."""

    served: Served
    seconds: float | None
    process: psutil.Process | None

    def peak_mb(self) -> float | None:
        """Return the most memory that one of its processes ever had."""
        if self.process is None:
            return None
        return max(_peak_mb(each.pid) for each in [self.process, *self.process.children(recursive=True)])

    def cpu_seconds(self) -> float:
        """Return the CPU time of its processes until now."""
        if self.process is None:
            return math.nan
        times = [each.cpu_times() for each in [self.process, *self.process.children(recursive=True)]]
        return float(sum(each.user + each.system for each in times))


def prepare(folder: Path, pixels: int, calibration: Sequence[Path] = ()) -> Settings:
    """
    Make an installation whose project has a champion that serves at *pixels* by its export.

    The export is in 8 bits where there are images for its *calibration*. It is not judged.
    """
    variables = {
        "LOOP_HOME": str(folder / "home"),
        "LABEL_STUDIO_URL": "http://127.0.0.1:9",  # nothing listens there, and nothing asks it
        "LABEL_STUDIO_API_KEY": "0" * 40,
        "LOOP_EMBEDDER": "none",
        "LOOP_ALLOW_PRIVATE_ADDRESSES": "true",
    }
    settings = Settings.read(variables)
    facts = VersionFacts(classes=tuple(weights.LABELS), training={"image_size": pixels})
    with closing(build(settings, migrate=True)) as rooms:
        rooms.studio.projects.save(PROJECT, "Bench", projects.label_config(weights.LABELS))
        version = rooms.registry.versions.add(PROJECT, weights.start_weights(folder / "weights"), facts)

        def quantise(exported: Path) -> Parity:
            smaller = exported.with_name(f"smaller{SUFFIX}")
            rooms.registry.detectors.quantise(exported, calibration, smaller, pixels)
            return Parity(smaller=smaller)

        export_once(rooms.registry, version, quantise if calibration else None)
        rooms.registry.versions.promote(PROJECT, version.name, "a measurement")
    return settings


@contextmanager
def our_backend(name: str, settings: Settings, workers: int, images: str) -> Iterator[StartedBackend]:
    """Start our web part alone, as `loop up` does, with a number of processes."""
    with closing(build(settings)) as rooms:
        login = rooms.studio.backend.login_of(PROJECT)
    variables = {"LOOP_PORT": str(free_port()), "LOOP_WEB_WORKERS": str(workers)}
    own = Settings.read({**settings.environment(), **variables})
    web = next(part for part in parts_of(own) if part.name == WEB)
    served = Served(name, own.local_url, images, (login.user, login.password))
    with _started(web.command, web.environment, own.home / f"web-{workers}.log", served) as backend:
        yield backend


@contextmanager
def other_backend(url: str, command: str | None, folder: Path, images: str) -> Iterator[StartedBackend]:
    """Start another backend by a *command* of the shell, or take one that runs at *url* already."""
    served = Served("the other", url, images)
    if command is None:
        served.set_up()
        yield StartedBackend(served, None, None)
        return
    with _started(["bash", "-c", f"exec {command}"], os.environ, folder / "other.log", served) as backend:
        yield backend


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Hand out the files of a folder; yield the address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


@contextmanager
def _started(
    command: Sequence[str], environment: Mapping[str, str], log: Path, served: Served
) -> Iterator[StartedBackend]:
    with log.open("wb") as out:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    try:
        while not _predicts(served):
            if process.poll() is not None or time.perf_counter() - began > PATIENCE:
                sys.exit(f"{served.name} predicts nothing:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
        backend = StartedBackend(served, time.perf_counter() - began, psutil.Process(process.pid))
        served.cpu_seconds = backend.cpu_seconds
        yield backend
    finally:
        process.terminate()
        process.wait(30)


def _predicts(served: Served) -> bool:
    try:
        served.set_up()
        return "result" in served.predict([0]).raise_for_status().json()["results"][0]
    except httpx.HTTPError:
        return False


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((float(line.split()[1]) / 1e3 for line in lines if line.startswith("VmHWM:")), 0.0)
