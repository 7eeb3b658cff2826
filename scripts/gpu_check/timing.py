"""Times and compares; for several files of checks."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from loop.regions import Pixels
from loop.vision.detector import Detector

FLOOR = 0.05  # the least confidence of a box
THREADS = (1, 4, 8, 16)
TIMES = 100  # images of a timing


def time_of(work: Callable[[], Any]) -> float:
    """Return the seconds of some work."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def median_ms(seconds: Sequence[float]) -> float:
    """Return the median in milliseconds."""
    return round(1000 * statistics.median(seconds), 2)


def measure_threads(detector: Detector, images: Sequence[Pixels]) -> dict[int, float]:
    """Return images a second by the number of threads that share a detector."""
    for image in images[:20]:
        detector.detect([image], FLOOR)
    return {count: _rate(detector, repeat(images), count) for count in THREADS}


def repeat(images: Sequence[Pixels]) -> list[Pixels]:
    """Return as many images as a timing takes: these, again and again."""
    return list(itertools.islice(itertools.cycle(images), TIMES))


def _rate(detector: Detector, images: Sequence[Pixels], count: int) -> float:
    with ThreadPoolExecutor(count) as pool:
        seconds = time_of(lambda: list(pool.map(lambda image: detector.detect([image], FLOOR), images)))
    return round(len(images) / seconds, 1)


def are_equal(ours: Sequence[Any], theirs: Sequence[Any]) -> bool:
    """Return whether arrays are equal to the bit, each with its own partner."""
    return all(np.array_equal(first, second) for first, second in zip(ours, theirs, strict=True))
