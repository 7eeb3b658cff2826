"""Metrics for Prometheus."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import REGISTRY as LOCAL
from prometheus_client import CollectorRegistry, Counter, Histogram, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from loop.job_queue.progress import JobProgress

UNCONNECTED = "unconnected"  # in place of the id of every project that is not connected: ids can be invented

PREDICTIONS = Counter("loop_predictions", "Tasks predicted", ["project"])
IMAGES_BROKEN = Counter("loop_images_broken", "Tasks whose image could not be read", ["project"])
UNMAPPED = Counter("loop_detections_unmapped", "Detections of a class that the label config lacks", ["project"])
EVENTS = Counter("loop_events", "Events taken in", ["project", "action"])
REFUSED = Counter("loop_events_refused", "Events of Label Studio refused, by HTTP status", ["status"])
SECONDS = Histogram("loop_request_seconds", "Time to answer", ["endpoint"])


class _AllProcesses(Collector):
    """Adds up the counts of all processes of gunicorn; the library's collector fails on a folder with brackets."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """Return the sums."""
        files = [str(path) for path in self._folder.glob("*.db")]
        merged: Iterable[Metric] = MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call]
        return merged


class _TrainingSeconds(Collector):
    """The seconds of the newest training of each project, from the records."""

    def __init__(self, seconds: Mapping[int, Mapping[str, float]]) -> None:
        self._seconds = seconds

    def collect(self) -> Iterable[Metric]:
        """Return one gauge, by project and stage."""
        gauge = GaugeMetricFamily(
            "loop_training_seconds", "Seconds of the newest training, by stage", labels=["project", "stage"]
        )
        for project_id, seconds in self._seconds.items():
            for stage, value in seconds.items():
                gauge.add_metric([str(project_id), stage], value)
        yield gauge


@dataclass(frozen=True, slots=True)
class JobFigures:
    """
    The jobs as Redis has them: the progress of those that report it, and how many wait in each queue.

    *waits* has, by queue, the seconds that the first waiting job has waited; none where nothing waits.
    """

    progress: Mapping[str, JobProgress] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)
    waits: Mapping[str, float] = field(default_factory=dict)


class _Jobs(Collector):
    """The jobs that run and wait."""

    def __init__(self, jobs: JobFigures) -> None:
        self._jobs = jobs

    def collect(self) -> Iterable[Metric]:
        """Return one gauge for each number."""
        for name, text in (("done", "Images done"), ("left", "Images left"), ("rate", "Images a second")):
            gauge = GaugeMetricFamily(f"loop_job_images_{name}", f"{text} of a job that runs", labels=["job"])
            for job, progress in self._jobs.progress.items():
                gauge.add_metric([job], getattr(progress, name))
            yield gauge
        waiting = GaugeMetricFamily("loop_jobs_waiting", "Jobs that wait for a worker", labels=["queue"])
        text = "Seconds that the first job of a queue has waited"
        seconds = GaugeMetricFamily("loop_jobs_wait_seconds", text, labels=["queue"])
        for queue, length in self._jobs.lengths.items():
            waiting.add_metric([queue], length)
            seconds.add_metric([queue], self._jobs.waits.get(queue, 0.0))
        yield from (waiting, seconds)


def open_files() -> None:
    """
    Have this process open the files that it counts in, if gunicorn runs several processes.

    The library opens each with its first count. Systemd may remove their folder before that, with all that a user who
    logs out has in memory (`RemoveIPC`): then a count would fail its request. Files that are open go on.
    """
    if folder := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        Path(folder).mkdir(mode=0o700, exist_ok=True)
        REFUSED.labels("401")
        SECONDS.labels("none")


def expose(jobs: JobFigures, seconds: Mapping[int, Mapping[str, float]]) -> bytes:
    """
    Return all metrics as text, of all processes if gunicorn runs several.

    *seconds* are those of the newest training of each project, by stage.
    """
    metrics = CollectorRegistry()
    metrics.register(_Jobs(jobs))
    metrics.register(_TrainingSeconds(seconds))
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder:
        return generate_latest(LOCAL) + generate_latest(metrics)
    metrics.register(_AllProcesses(Path(folder)))
    return generate_latest(metrics)
