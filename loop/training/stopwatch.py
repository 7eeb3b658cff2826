"""Measures the seconds of each stage of a training."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loop.training.store import Training, TrainingStore


class Stage(StrEnum):
    """
    The stages in the order in which the seconds of a training are shown.

    LOAD, STEP and VALIDATE are those of the epochs; TRAIN is the rest of the trainer: the start, checkpoints, the end.
    """

    WAIT = "wait"  # from asking to the start
    SNAPSHOT = "snapshot"
    VERIFY = "verify"
    LOAD = "load"
    STEP = "step"
    VALIDATE = "validate"
    TRAIN = "train"
    MEASURE = "measure"
    REGISTER = "register"
    EXPORT = "export"  # for the CPU, and measured
    GATE = "gate"


class Stopwatch:
    """Adds up seconds by stage. The time since the last lap, or since the start, goes to the stage that ends."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._seconds: dict[str, float] = defaultdict(float)

    def lap(self, stage: Stage) -> None:
        """End a stage now."""
        now = time.monotonic()
        self._seconds[stage.value] += now - self._last
        self._last = now

    def take(self) -> dict[str, float]:
        """Return the seconds by stage since the last call, and begin anew."""
        seconds = dict(self._seconds)
        self._seconds.clear()
        return seconds


@contextmanager
def timed(store: TrainingStore, training_id: int, stage: Stage) -> Iterator[None]:
    """Record the seconds of a stage, also where it fails."""
    stopwatch = Stopwatch()
    try:
        yield
    finally:
        stopwatch.lap(stage)
        spend(store, training_id, stopwatch.take())


def spend(store: TrainingStore, training_id: int, seconds: Mapping[str, float]) -> None:
    """Add seconds, by stage, to those that a training has taken over all its starts."""
    training = store.get(training_id)
    old = seconds_of(training)
    total = {
        stage.value: round(old.get(stage, 0.0) + seconds.get(stage, 0.0), 3)
        for stage in Stage
        if stage in old or stage in seconds
    }
    store.note(training_id, report={**(training.report or {}), "seconds": total})


def seconds_of(training: Training) -> dict[str, float]:
    """Return the seconds that a training has taken, by stage."""
    return dict((training.report or {}).get("seconds", {}))
