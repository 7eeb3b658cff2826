"""The time that annotators work on a task, with and without boxes shown at the start. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TimedTask:
    """One reviewed task: its *seconds* as Label Studio counts them, the *objects* left, whether boxes were *shown*."""

    task_id: int
    version: str
    seconds: float | None
    objects: int
    is_shown: bool
    stream: str = ""
    week: str = ""
    cohort: str = ""
    annotator: str = ""


@dataclass(frozen=True, slots=True)
class SecondsPolicy:
    """A task open for longer than *longest* seconds is not counted, because its annotator was away."""

    longest: float = 1800.0


@dataclass(frozen=True, slots=True)
class Spread:
    """The median with the quartiles below and above it."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Seconds:
    """Seconds per task and per object over *tasks*; *cut* tasks were open too long, *unknown* tasks have no time."""

    tasks: int
    a_task: Spread | None
    an_object: Spread | None
    cut: int
    unknown: int


def measure_seconds(tasks: Iterable[TimedTask], policy: SecondsPolicy | None = None) -> Seconds:
    """
    Return the median seconds with the quartiles.

    A mean would follow the few tasks left open over lunch; a median hardly does. Tasks longer than the policy's longest
    are left out and counted. Seconds per object are the seconds of each task divided by its objects; tasks without
    objects have none.
    """
    policy = policy or SecondsPolicy()
    all_tasks = list(tasks)
    timed = [task for task in all_tasks if task.seconds is not None and task.seconds > 0]
    counted = [task for task in timed if (task.seconds or 0.0) <= policy.longest]
    return Seconds(
        tasks=len(counted),
        a_task=_compute_spread([task.seconds or 0.0 for task in counted]),
        an_object=_compute_spread([(task.seconds or 0.0) / task.objects for task in counted if task.objects]),
        cut=len(timed) - len(counted),
        unknown=len(all_tasks) - len(timed),
    )


def measure_with_and_without(tasks: Iterable[TimedTask]) -> dict[str, Seconds]:
    """The seconds of tasks on which boxes were shown, and of the others."""
    all_tasks = list(tasks)
    return {
        name: measure_seconds(task for task in all_tasks if task.is_shown == is_shown)
        for name, is_shown in (("boxes shown", True), ("nothing shown", False))
    }


def _compute_spread(values: list[float]) -> Spread | None:
    if not values:
        return None
    low, median, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return Spread(median, low, high)
