"""
Measure `/predict` as Label Studio asks it: `python -m scripts.bench.predict [--other URL [--start COMMAND]]`.

Starts our web part alone, with one process and as `loop up` starts it, and with one process in 8 bits, on composed
scenes that a server of this program hands out. *--other* is any other ML backend with the same weights; the program
starts it by a *--start* command, else it runs already. All are measured in turns, and so is the limit of one process:
the same export on the same files without a server, as many images at once as it takes.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import cv2
import numpy as np

from loop.installation.memory import machine_bytes, web_processes
from loop.settings import Settings
from loop.wiring import build
from scripts.bench.backend_client import CLIENTS, CORRUPT, FIGURES, IMAGES, P50, P95, PROJECT, RATE, Round, seconds
from scripts.bench.figures import BenchReport, Goal, Measurement, spread
from scripts.bench.installation import compose
from scripts.bench.served_backend import StartedBackend, other_backend, our_backend, prepare, serving

ROUNDS = 3
SIZE = (1280, 1280)
PIXELS = 640
EIGHT_BITS = "ours, 1 process, 8 bits"
LIMIT = "the limit in one process, images/s"
START, MEMORY = "start to the first prediction, s", "memory of a web process at the peak, MB"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="predict", description=__doc__)
    parser.add_argument("--other", help="address of another ML backend that has the same weights")
    parser.add_argument("--start", help="command that starts it; it is stopped at the end")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="loop-predict-") as folder:
        run(Path(folder), options.other, options.start, options.rounds).publish()


def run(folder: Path, other: str | None, command: str | None, rounds: int) -> BenchReport:
    """Measure all rounds in turns."""
    pictures = write_images(folder / "images")
    settings, smaller = prepare(folder, PIXELS), prepare(folder / "8", PIXELS, pictures)
    with ExitStack() as stack:
        images = stack.enter_context(serving(folder / "images"))
        limit = stack.enter_context(closing(Limit(settings, pictures)))
        counts = dict.fromkeys([1, web_processes(machine_bytes())])
        names = {count: f"ours, {count} process{'es' if count > 1 else ''}" for count in counts}
        backends = [stack.enter_context(our_backend(names[count], settings, count, images)) for count in counts]
        backends.append(stack.enter_context(our_backend(EIGHT_BITS, smaller, 1, images)))
        if other:
            backends.append(stack.enter_context(other_backend(other, command, folder, images)))
        measured: dict[str, list[Round]] = {backend.served.name: [] for backend in backends}
        limits: list[float] = []
        for _ in range(rounds):
            limits.append(limit.measure())
            for backend in backends:
                figures = backend.served.measure()
                print(backend.served.name, {name: round(value, 1) for name, value in figures.items()}, flush=True)
                measured[backend.served.name].append(figures)
        return make_report(backends, measured, limits, has_other=other is not None)


class Limit:
    """The same detector on the same files without a server, from the file to the boxes."""

    def __init__(self, settings: Settings, pictures: Sequence[Path]) -> None:
        self._pictures, self._floor = pictures, settings.score_floor
        self._rooms = build(settings)
        registry = self._rooms.registry
        detector = registry.load(registry.versions.champion(PROJECT)).detector
        assert detector is not None
        self._detector = detector
        self._pool = ThreadPoolExecutor(detector.at_once)
        self.measure()  # once to warm up

    def measure(self) -> float:
        """Return the images a second."""
        return len(self._pictures) / seconds(lambda: list(self._pool.map(self._detect, self._pictures)))

    def close(self) -> None:
        """Close the records."""
        self._pool.shutdown()
        self._rooms.close()

    def _detect(self, path: Path) -> None:
        self._detector.detect([np.asarray(cv2.imread(str(path)), np.uint8)], self._floor)


def make_report(
    backends: Sequence[StartedBackend],
    measured: Mapping[str, Sequence[Round]],
    limits: Sequence[float],
    *,
    has_other: bool,
) -> BenchReport:
    """Return the medians of the rounds side by side, and the goals."""
    rows = [
        [name, *(spread([figures[name] for figures in rounds], digits) for rounds in measured.values())]
        for name, digits in FIGURES.items()
    ]
    starts = {backend.served.name: (backend.seconds, backend.peak_mb()) for backend in backends}
    rows.append([START, *(_write(start, 1) for start, _ in starts.values())])
    rows.append([MEMORY, *(_write(peak, 0) for _, peak in starts.values())])
    rows.append([LIMIT, spread(limits, 1), *[""] * (len(measured) - 1)])
    over = [_ratio(rounds, limits) for rounds in measured.values()]
    rows.append([f"{RATE.removesuffix(', images/s')}, over the limit", *(spread(each, 2) for each in over)])
    title = f"`/predict`, {len(limits)} rounds in turns, median (least to most)"
    load = f"YOLO11n at {PIXELS} px, JPEGs of {SIZE[0]}x{SIZE[1]} over HTTP, each address asked for once"
    goals = make_goals(measured, list(starts.values()), over[0], has_other=has_other)
    raw: dict[str, object] = {"rounds": dict(measured), "start and memory": starts, "limits": limits}
    return BenchReport("predict", load, [Measurement(title, ("", *measured), rows)], goals, raw)


def make_goals(
    measured: Mapping[str, Sequence[Round]],
    starts: Sequence[tuple[float | None, float | None]],
    over: Sequence[float],
    *,
    has_other: bool,
) -> list[Goal]:
    """Return the goals with what one process of ours reached, over the other backend where there is one."""
    ours, *_, smaller, other = measured.values()
    limit, whole = statistics.median(over), min(figures[CORRUPT] for figures in ours)
    goals = [
        Goal("one request of 100 tasks, over the limit in one process", "at least 0.85", f"{limit:.2f}", limit >= 0.85),
        Goal("a corrupt image among 100", "99 results", f"{whole:.0f} results", whole == IMAGES - 1),
    ]
    if not has_other:
        return goals

    def compare(name: str) -> tuple[float, float]:
        others = [figures[name] for figures in other]
        return statistics.median(_ratio(ours, others, name)), statistics.median(_ratio(smaller, others, name))

    wide, narrow = compare(RATE)
    name, goal = "one request of 100 tasks, times HumanSignal's example", "at least 3.5 in 32 bits; 5 in 8 bits"
    goals.append(Goal(name, goal, f"{wide:.1f} in 32 bits; {narrow:.1f} in 8 bits", wide >= 3.5 and narrow >= 5))
    shares = {
        "one task, p50": (*compare(P50), 0.5),
        f"{CLIENTS} clients, p95": (*compare(P95), 0.35),
        "start to first prediction": (*_shares([start for start, _ in starts]), 0.5),
        "memory of a web process": (*_shares([memory for _, memory in starts]), 0.4),
    }
    for figure, (wide, narrow, most) in shares.items():
        name, goal = f"{figure}, over HumanSignal's example", f"at most {most}"
        goals.append(Goal(name, goal, f"{wide:.2f} in 32 bits; {narrow:.2f} in 8 bits", max(wide, narrow) <= most))
    return goals


def _shares(values: Sequence[float | None]) -> tuple[float, float]:
    """Return the first and the last but one of some values over the last; nan where one is not known."""
    ours, *_, smaller, other = (math.nan if value is None else value for value in values)
    return ours / other, smaller / other


def write_images(folder: Path) -> list[Path]:
    """Write the images, and one that is cut off; return the whole ones."""
    folder.mkdir(parents=True)
    paths = []
    for number, scene in enumerate(compose(IMAGES, seed=6)):
        paths.append(folder / f"{number}.jpg")
        scene.image.convert("RGB").resize(SIZE).save(paths[-1], "JPEG", quality=90)
    (folder / "corrupt.jpg").write_bytes(paths[0].read_bytes()[:2000])
    return paths


def _ratio(rounds: Sequence[Round], others: Sequence[float], name: str = RATE) -> list[float]:
    return [figures[name] / other for figures, other in zip(rounds, others, strict=True)]


def _write(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    main()
