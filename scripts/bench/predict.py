"""
Measure `/predict` as Label Studio asks it: `python -m scripts.bench.predict [--other URL]`.

Starts our web part alone, with one process, on composed scenes of 1280x960 pixels that a server of this program hands
out. *--other* is any other ML backend that runs already with the same weights; the two are measured in turns, and so is
the limit of one process: the same detector on the same files without a server.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import psutil

from loop.settings import Settings
from loop.wiring import build
from scripts.bench import weights
from scripts.bench.backend_client import FIGURES, IMAGES, PROJECT, Round, Served, seconds
from scripts.bench.figures import BenchReport, Goal, Measurement, spread
from scripts.bench.installation import compose
from scripts.demo import project as projects
from scripts.demo import services
from scripts.demo.label_studio import free_port

ROUNDS = 3
OVER_LIMIT = "one request of 100 tasks, over the limit in one process"
CORRUPT = "a corrupt image among 100"
SIZE = (1280, 960)
PIXELS = 640
LIMIT = "the limit in one process, images/s"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="predict", description=__doc__)
    parser.add_argument("--other", help="address of another ML backend that runs with the same weights")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loop-predict-") as folder:
        run(Path(folder), options.other, options.rounds).publish()


def run(folder: Path, other: str | None, rounds: int) -> BenchReport:
    """Measure all rounds in turns."""
    pictures = write_images(folder / "images")
    start: Round = {}
    with ExitStack() as stack:
        images = stack.enter_context(serving(folder / "images"))
        settings = _settings(folder)
        login, process = stack.enter_context(web_part(settings, folder, start))
        ours = Served("ours", settings.local_url, images, login)
        began = time.perf_counter()
        ours.set_up()
        services.wait_until(lambda: bool(ours.predict([0]).json()["results"][0]["result"]), "nothing is predicted")
        start["until the first prediction, s"] = start["until /health answers, s"] + time.perf_counter() - began
        served = [ours, *([Served("the other", other, images)] if other else [])]
        for each in served:
            each.set_up()
        limit = in_process(settings, pictures)
        measured: dict[str, list[Round]] = {each.name: [] for each in served}
        for number in range(rounds + 1):  # the first warms up
            for each in served:
                figures = {**each.measure(), LIMIT: limit() if each is ours else 0.0}
                print(each.name, {name: round(value, 1) for name, value in figures.items()}, flush=True)
                measured[each.name] += [figures] if number else []
        start["RSS of the web process at the end, MB"] = _resident(process)
    return make_report(measured, start)


def in_process(settings: Settings, pictures: list[Path]) -> Callable[[], float]:
    """Return what measures the images a second of the same detector without a server, from the file to the boxes."""
    with closing(build(settings)) as rooms:
        detector = rooms.registry.detectors.load(weights.start_weights(settings.home))

    def limit() -> float:
        def detect_all() -> None:
            for path in pictures:
                image = np.asarray(cv2.imread(str(path)), np.uint8)
                detector.detect([image], settings.score_floor)

        return len(pictures) / seconds(detect_all)

    return limit


def make_report(measured: dict[str, list[Round]], start: Round) -> BenchReport:
    """Return the medians of the rounds side by side."""
    rows = [
        [name, *(spread([figures[name] for figures in rounds], digits) for rounds in measured.values())]
        for name, digits in {**FIGURES, LIMIT: 1}.items()
    ]
    ratios = [figures["one request of 100, images/s"] / figures[LIMIT] for figures in measured["ours"]]
    rows.append(["one request of 100, over the limit", spread(ratios, 2), *[""] * (len(measured) - 1)])
    count = len(measured["ours"])
    tables = [
        Measurement(f"`/predict`, {count} rounds in turns, median (least to most)", ("", *measured), rows),
        Measurement("Start", ("", "ours"), [[name, f"{value:.1f}"] for name, value in start.items()]),
    ]
    load = f"YOLO11n at {PIXELS} px, JPEGs of {SIZE[0]}x{SIZE[1]} over HTTP, one web process"
    over = statistics.median(ratios)
    whole = min(figures["results of 100 with a corrupt one"] for figures in measured["ours"])
    goals = [
        Goal(OVER_LIMIT, "at least 0.85", f"{over:.2f}", over >= 0.85),
        Goal(CORRUPT, "99 results", f"{whole:.0f} results", whole == IMAGES - 1),
    ]
    return BenchReport("predict", load, tables, goals, raw={"rounds": measured, "start": start})


def write_images(folder: Path) -> list[Path]:
    """Write the images, and one that is cut off; return the whole ones."""
    folder.mkdir(parents=True)
    paths = []
    for number, scene in enumerate(compose(IMAGES, seed=6)):
        paths.append(folder / f"{number}.jpg")
        scene.image.resize(SIZE).save(paths[-1], "JPEG", quality=90)
    (folder / "corrupt.jpg").write_bytes(paths[0].read_bytes()[:2000])
    return paths


@contextmanager
def web_part(settings: Settings, folder: Path, start: Round) -> Iterator[tuple[tuple[str, str], psutil.Process]]:
    """Start our web part alone; yield its login and its process."""
    with closing(build(settings, migrate=True)) as rooms:
        rooms.studio.projects.save(PROJECT, "Bench", projects.label_config(weights.LABELS))
        login = rooms.studio.backend.login_of(PROJECT)
    command = [sys.executable, "-m", "gunicorn", "--config", "python:backend.gunicorn_options"]
    bind = ["backend.app:create_app()", "--bind", f"127.0.0.1:{settings.port}", "--workers", "1"]
    with (folder / "web.log").open("wb") as log:
        began = time.perf_counter()
        environment = {**os.environ, **settings.environment()}
        process = subprocess.Popen([*command, *bind], env=environment, stdout=log, stderr=log)
    try:
        services.wait_until(lambda: _answers(settings), "the web part does not answer")
        start["until /health answers, s"] = time.perf_counter() - began
        yield (login.user, login.password), psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


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


def _settings(folder: Path) -> Settings:
    return Settings.read(
        {
            "LOOP_HOME": str(folder / "home"),
            "LABEL_STUDIO_URL": "http://127.0.0.1:9",  # nothing listens there, and nothing asks it
            "LABEL_STUDIO_API_KEY": "0" * 40,
            "LOOP_PORT": str(free_port()),
            "LOOP_BASE_WEIGHTS": str(weights.start_weights(folder / "weights")),
            "LOOP_IMAGE_SIZE": str(PIXELS),
            "LOOP_EMBEDDER": "none",
            "LOOP_ALLOW_PRIVATE_ADDRESSES": "true",
        }
    )


def _answers(settings: Settings) -> bool:
    try:
        return httpx.get(f"{settings.local_url}/health", timeout=1).is_success
    except httpx.HTTPError:
        return False


def _resident(process: psutil.Process) -> float:
    return float(sum(child.memory_info().rss for child in process.children())) / 1e6


if __name__ == "__main__":
    main()
