"""
Let many annotators work at once: `python -m scripts.bench.annotators [ANNOTATORS] [MINUTES]`.

Each opens a task, which asks for a prediction, looks at it for half a minute on average, and submits a review. The real
Label Studio connects the project, serves the images and is synced with; what it sends for an annotator is sent by this
program, because with 200 annotators Label Studio itself would take more of the two cores than all of the loop.
"""

from __future__ import annotations

import base64
import itertools
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import httpx

from scripts.bench.event_clients import Answer, EventSource, Latencies, capture
from scripts.bench.figures import BenchReport, Goal, Measurement
from scripts.bench.growth import Sample, cpu_seconds, sample, slope, thin
from scripts.bench.installation import LoadedInstallation, compose, installation
from scripts.bench.intake import count_events
from scripts.demo import services
from scripts.demo.annotator import Annotator

ANNOTATORS, MINUTES, TASKS = 200, 10.0, 100
PIXELS = 320
THINK_SECONDS, SAMPLE_SECONDS = 30.0, 5.0
PATIENCE = 100.0  # seconds that Label Studio waits for a prediction
SETTLED = 0.3  # share of the time after which memory counts
STEADY = 0.05  # share that memory may grow by in the time that counts, of all processes together
GOAL_P99, GOAL_MOST = 100.0, 500.0  # ms


class Crowd:
    """The annotators of one project, each in a thread of its own."""

    def __init__(self, loaded: LoadedInstallation, project_id: int, source: EventSource) -> None:
        query = {"project": project_id, "page_size": 1000}
        listed = loaded.api.get("/api/tasks", params=query).raise_for_status().json()["tasks"]
        self._tasks = [{"id": task["id"], "data": task["data"]} for task in listed]
        config = loaded.rooms.studio.projects.get(project_id).label_config
        login = loaded.rooms.studio.backend.login_of(project_id)
        words = base64.b64encode(f"{login.user}:{login.password}".encode()).decode()
        self._headers = {"Content-Type": "application/json", "Authorization": f"Basic {words}"}
        self._body = {"project": f"{project_id}.1", "label_config": config}
        self._url, self._source = f"{loaded.settings.local_url}/predict", source
        self._turns, self._over = itertools.count(), threading.Event()
        self.opened: list[Answer] = []
        self.submitted: list[Answer] = []

    def is_served(self) -> bool:
        """Whether the first task has a prediction; it does not count."""
        self._open(self._tasks[0])
        return self.opened.pop().status == 200

    def work(self, annotators: int, seconds: float) -> None:
        """Let the annotators work for a time; return when the last one has submitted."""
        threads = [threading.Thread(target=self._annotate, args=[number]) for number in range(annotators)]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self._over.set()
        for thread in threads:
            thread.join()

    def _annotate(self, number: int) -> None:
        chance = random.Random(number)
        self._over.wait(chance.uniform(0, THINK_SECONDS))  # they do not begin at one moment
        while not self._over.is_set():
            task = self._tasks[next(self._turns) % len(self._tasks)]
            result = self._open(task)
            if not self._over.wait(chance.expovariate(1 / THINK_SECONDS)):
                self.submitted.append(self._source.send(task, _review(result, chance)))

    def _open(self, task: dict[str, Any]) -> list[dict[str, Any]]:
        began, status = time.perf_counter(), 0
        result: list[dict[str, Any]] = []
        with suppress(httpx.HTTPError):
            answer = httpx.post(
                self._url, content=json.dumps({**self._body, "tasks": [task]}), headers=self._headers, timeout=PATIENCE
            )
            content = answer.json()
            status = answer.status_code if not content.get("errors") else 0
            result = content["results"][0]["result"] if status == 200 else []
        self.opened.append(Answer(status, time.perf_counter() - began))
        return result


def main() -> None:
    """Measure and print."""
    annotators = int(sys.argv[1]) if len(sys.argv) > 1 else ANNOTATORS
    minutes = float(sys.argv[2]) if len(sys.argv) > 2 else MINUTES
    with tempfile.TemporaryDirectory(prefix="loop-annotators-") as folder:
        run(Path(folder), annotators, 60 * minutes).publish()


def run(folder: Path, annotators: int, seconds: float) -> BenchReport:
    """Let the annotators work on a project that was connected a moment ago."""
    variables = {"LOOP_IMAGE_SIZE": str(PIXELS), "LOOP_RETRAIN_AFTER": "1000000"}
    samples: list[tuple[float, Sample]] = []
    with installation(folder, **variables) as loaded:
        shown = compose(TASKS, seed=5)
        project_id = loaded.add_project("Annotators", shown)
        source = EventSource(loaded, project_id, capture(loaded, project_id, Annotator(loaded.api, project_id, shown)))
        crowd = Crowd(loaded, project_id, source)
        services.wait_until(crowd.is_served, "nothing is predicted")
        before, cpu_before = count_events(loaded), cpu_seconds(loaded.settings.home, loaded.studio.pid)
        worker = threading.Thread(target=crowd.work, args=[annotators, seconds])
        began = time.monotonic()
        worker.start()
        while worker.is_alive():
            samples.append((time.monotonic() - began, sample(loaded.settings)))
            print(f"{samples[-1][0]:6.0f} s  {len(crowd.opened)} opened, {len(crowd.submitted)} submitted", flush=True)
            worker.join(SAMPLE_SECONDS)
        cpu = {
            name: taken - cpu_before.get(name, 0.0)
            for name, taken in cpu_seconds(loaded.settings.home, loaded.studio.pid).items()
        }
        services.wait_until(loaded.rooms.reviews.events.spool.is_empty, "events stay in the spool")
        recorded = count_events(loaded) - before
    return make_report(crowd, samples, cpu, annotators, recorded)


def make_report(
    crowd: Crowd, samples: list[tuple[float, Sample]], cpu: dict[str, float], annotators: int, recorded: int
) -> BenchReport:
    """Return latencies, memory, and the cost of a review."""
    seconds, reviews = samples[-1][0], len(crowd.submitted)
    opened, submitted = Latencies.of(crowd.opened, seconds), Latencies.of(crowd.submitted, seconds)
    latency_rows = [
        [name, str(len(answers)), f"{each.a_second:.1f}", f"{each.p50:.0f}", f"{each.p99:.0f}", f"{each.most:.0f}",
         str(each.errors)]
        for name, answers, each in (
            ("a task is opened: /predict", crowd.opened, opened),
            ("a review is submitted: /webhook", crowd.submitted, submitted),
        )
    ]  # fmt: skip
    memory_rows, growth = _memory(samples)
    lost = sum(answer.status == 202 for answer in crowd.submitted) - recorded
    goals = [
        Goal(
            f"{annotators} annotators for {seconds / 60:.0f} minutes: intake p99; slowest; errors; events lost",
            f"under {GOAL_P99:.0f} ms; under {GOAL_MOST:.0f} ms; 0; 0",
            f"{submitted.p99:.0f} ms; {submitted.most:.0f} ms; {opened.errors + submitted.errors}; {lost}",
            submitted.p99 < GOAL_P99 and submitted.most < GOAL_MOST and not (opened.errors + submitted.errors + lost),
        ),
        Goal("memory of all processes meanwhile", "flat", f"{growth:+.1%}", abs(growth) < STEADY),
    ]
    cost_rows = [[name, f"{taken:.1f}", f"{1000 * taken / reviews:.1f}"] for name, taken in sorted(cpu.items())]
    tables = [
        Measurement("Answers", ("", "number", "a second", "p50, ms", "p99, ms", "slowest, ms", "errors"), latency_rows),
        Measurement(
            "Memory", ("", "first minute that counts, MB", "last minute, MB", "growth an hour, MB"), memory_rows
        ),
        Measurement("Cost", ("", "CPU, s", "CPU a review, ms"), cost_rows),
    ]
    load = (
        f"{annotators} annotators, each {THINK_SECONDS:.0f} s with a task on average, detector at {PIXELS} px, scenes "
        f"of 480x360; the annotators' side of Label Studio is played, the rest of it is real and on the same cores"
    )
    raw: dict[str, object] = {"cpu": cpu, "samples": thin(samples)}
    return BenchReport("annotators", load, tables, goals, raw)


def _memory(samples: list[tuple[float, Sample]]) -> tuple[list[list[str]], float]:
    """Return the rows of the processes, and by what share all of them together grew in the time that counts."""
    counted = [(moment, values) for moment, values in samples if moment >= SETTLED * samples[-1][0]]
    rows, totals = [], [sum(v for name, v in values.items() if name.startswith("RSS")) for _, values in counted]
    for name in sorted(name for name in counted[0][1] if name.startswith("RSS")):
        points = [(moment, values[name]) for moment, values in counted if name in values]
        line = slope([moment for moment, _ in points], [value for _, value in points])
        rows.append([name, f"{line.first:.0f}", f"{line.last:.0f}", f"{line.an_hour:+.0f} ± {line.within:.0f}"])
    part = max(1, len(totals) // 5)
    first, last = statistics.median(totals[:part]), statistics.median(totals[-part:])
    return rows, last / first - 1


def _review(result: list[dict[str, Any]], chance: random.Random) -> list[dict[str, Any]]:
    """Return a result as a reviewer leaves it: most boxes as they are, some moved, some deleted."""
    reviewed = []
    for region in deepcopy(result):
        decision = chance.random()
        if decision < 0.6:
            reviewed.append({**region, "origin": "prediction"})
        elif decision < 0.85:
            region["value"]["width"] *= 0.9
            reviewed.append({**region, "origin": "prediction-changed"})
    return reviewed


if __name__ == "__main__":
    main()
