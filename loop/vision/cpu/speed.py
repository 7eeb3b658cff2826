"""Measures how fast a file detects on this machine, in a process of its own, so that its memory counts alone."""

from __future__ import annotations

import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loop.errors import WeightsRefused
from loop.vision.cpu.model_file import SUFFIX
from loop.vision.cpu.own_process import run_module
from loop.vision.cpu.tuning import Tuning
from loop.vision.detector import ADVICE

if TYPE_CHECKING:
    from loop.regions import Pixels
    from loop.vision.detector import Detector

ALONE, TOGETHER = 1.5, 3.0  # seconds: one image after the other, and several threads at once
LONGEST = 180.0  # seconds, with the imports on a busy machine
FLOOR = 0.05
MADE_UP = (960, 1280)  # pixels: height and width


@dataclass(frozen=True, slots=True)
class Speed:
    """Milliseconds of an image alone, images a second by several threads, and the memory of the process in MB."""

    alone_ms: float
    images_s: float
    memory_mb: float


def measure(file: Path, images: Sequence[Path], image_size: int | None, tuning: Tuning, device: str = "cpu") -> Speed:
    """Measure an export, or trained weights on a *device*, on *images* or on made-up ones. Raises WeightsRefused."""
    sources = {"file": str(file), "images": [str(image) for image in images]}
    work = {**sources, "size": image_size, "device": device, "tuning": asdict(tuning)}

    def refuse(problem: str) -> WeightsRefused:
        return WeightsRefused(file, f"not measured: {problem}", ADVICE)

    output = run_module("loop.vision.cpu.speed", work, environment=os.environ, seconds=LONGEST, refuse=refuse)
    return Speed(**json.loads(output.splitlines()[-1]))


def combine(rounds: Sequence[Speed]) -> Speed:
    """Return the medians of several rounds."""
    return Speed(
        statistics.median(speed.alone_ms for speed in rounds),
        statistics.median(speed.images_s for speed in rounds),
        statistics.median(speed.memory_mb for speed in rounds),
    )


def _load(file: Path, size: int | None, device: str, tuning: Tuning) -> Detector:
    if file.suffix == SUFFIX:
        from loop.vision.cpu.openvino_detector import OpenVinoDetector

        return OpenVinoDetector(file, image_size=size, tuning=tuning)
    from loop.vision.ultralytics_detector import UltralyticsDetector

    return UltralyticsDetector(file, device=device, image_size=size)


def _make_up_images() -> list[Pixels]:
    import numpy as np

    noise = np.random.default_rng(0)
    return [noise.integers(0, 256, (*MADE_UP, 3), dtype=np.uint8) for _ in range(4)]


def _time_alone(detector: Detector, images: Iterator[Pixels]) -> float:
    durations = list[float]()
    end = time.perf_counter() + ALONE
    while len(durations) < 3 or time.perf_counter() < end:
        started = time.perf_counter()
        detector.look(next(images), FLOOR)
        durations.append(1000 * (time.perf_counter() - started))
    return statistics.median(durations)


def _count_together(detector: Detector, images: list[Pixels], clients: int) -> float:
    """Return images a second of several threads, each of which asks again as soon as it has an answer."""
    started, counts = time.perf_counter(), [0] * clients

    def ask(client: int) -> None:
        own = cycle(images[client % len(images) :] + images[: client % len(images)])
        while time.perf_counter() < started + TOGETHER:
            detector.look(next(own), FLOOR)
            counts[client] += 1

    threads = [threading.Thread(target=ask, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)


def _measure(work: dict[str, Any]) -> Speed:
    import psutil

    from loop.vision.image_files import read_prepared

    tuning = Tuning(**work["tuning"])
    images = [read_prepared(Path(image)) for image in work["images"]] or _make_up_images()
    detector = _load(Path(work["file"]), work["size"], work["device"], tuning)
    for image in images[:3]:
        detector.look(image, FLOOR)
    alone = _time_alone(detector, cycle(images))
    together = _count_together(detector, images, tuning.at_once + 1)  # while one is prepared, the others are detected
    return Speed(alone, together, psutil.Process().memory_info().rss / 1e6)


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        sys.stdout.write(f"\n{json.dumps(asdict(_measure(json.load(sys.stdin))))}\n")
