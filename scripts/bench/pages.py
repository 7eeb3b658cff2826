"""
Measure how long each page of the dashboard takes with 50,000 tasks in the records: `python -m scripts.bench.pages`.

The pages are made in this process, without a network in between: every page that needs no more than a project. Redis is
real; Label Studio does not answer.
"""

from __future__ import annotations

import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from flask import Flask
from flask.testing import FlaskClient

from backend.app import create_app
from loop.installation.processes import EmbeddedRedis
from loop.label_studio.payloads import Review
from loop.regions import Box, Region
from loop.registry.store import VersionFacts
from loop.reviews import review_row
from loop.reviews.judging import judge_tasks
from loop.rooms import Rooms
from loop.serving.store import AUDIT, QUEUE, LoggedPrediction
from loop.settings import Settings
from loop.storage.tables import reviews
from scripts.bench.figures import BenchReport, Goal, Measurement, spread

TASKS, REVIEWED, ROUNDS, BATCH = 50_000, 20_000, 3, 500
PROJECT = 1
LABELS = tuple(f"Label {number}" for number in range(8))
LIMIT = 3.0  # seconds
OF_MORE = (".json", "/version", "/report", "/report/page", "/compare", "/boxes")  # they need a version or a verdict
ASKING = ("dashboard.doctor", "dashboard.overview_open_tasks")  # they ask other services, and load by themselves
CONFIG = f"""<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">
{"".join(f'<Label value="{label}"/>' for label in LABELS)}</RectangleLabels></View>"""


def main() -> None:
    """Fill the records, measure, and print."""
    logging.disable(logging.INFO)
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else TASKS
    with tempfile.TemporaryDirectory(prefix="loop-pages-") as folder, _app(Path(folder)) as app:
        rooms: Rooms = app.extensions["rooms"]
        fill(rooms, tasks, min(tasks, REVIEWED))
        size = (rooms.installation.machine.home / "loop.sqlite3").stat().st_size / 1e6
        client = app.test_client()
        measured = {path: _time(client, path) for path in list_paths(app)}
        make_report(measured, tasks, min(tasks, REVIEWED), size).publish()


@contextmanager
def _app(folder: Path) -> Iterator[Flask]:
    redis = EmbeddedRedis(folder / "redis")
    redis.start()
    try:
        settings = Settings.read(
            {
                "LOOP_HOME": str(folder / "home"),
                "LOOP_REDIS_URL": redis.address,
                "LABEL_STUDIO_URL": "http://127.0.0.1:1",
                "BASIC_AUTH_USER": "bench",
                "BASIC_AUTH_PASS": "for the bench alone",
            }
        )
        app = create_app(settings)
        yield app
        app.extensions["rooms"].close()
    finally:
        redis.stop()


def fill(rooms: Rooms, tasks: int, reviewed: int) -> None:
    """Record predictions of all tasks, and reviews of some with their verdicts, in the course of half a year."""
    rooms.studio.projects.save(PROJECT, "Fifty thousand tasks", CONFIG)
    weights = rooms.installation.machine.home / "bench.pt"
    weights.write_bytes(b"weights")
    facts = VersionFacts(classes=LABELS, metrics={"map50_95": 0.4})
    version = rooms.registry.versions.add(PROJECT, weights, facts).name
    rooms.registry.versions.promote(PROJECT, version, "for the bench")
    random, begin = np.random.default_rng(1), datetime.now(UTC) - timedelta(days=180)
    for first in range(1, tasks + 1, BATCH):
        entries = [_predict(random, task, version, begin) for task in range(first, min(first + BATCH, tasks + 1))]
        rooms.serving.predictions.append(entries)
        made = [entry for entry in entries if entry.task_id <= reviewed]
        if made:
            rows = [review_row.write(_review(random, entry), {"image": entry.image}) for entry in made]
            with rooms.engine.begin() as connection:
                connection.execute(reviews.insert(), rows)
            judge_tasks(rooms.reviews, PROJECT, [entry.task_id for entry in made])


def list_paths(app: Flask) -> list[str]:
    """Return the paths of all pages that need no more than a project."""
    rules = [
        rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("dashboard.")
        and "GET" in (rule.methods or ())
        and rule.arguments <= {"project_id"}
        and not rule.endpoint.startswith((*ASKING, "dashboard.sign_in"))
        and not rule.rule.endswith(OF_MORE)
    ]
    return sorted(rule.rule.replace("<int:project_id>", str(PROJECT)) for rule in rules)


def _time(client: FlaskClient, path: str) -> list[float]:
    """Return the seconds of a page in each round; the first is that of a process that has just started."""
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answer = client.get(path, auth=("bench", "for the bench alone"), headers={"Accept": "text/html"})
        seconds.append(time.perf_counter() - began)
        assert answer.status_code == 200, f"{path}: {answer.status}"
    return seconds


def make_report(measured: dict[str, list[float]], tasks: int, reviewed: int, size: float) -> BenchReport:
    """Return the seconds of each page."""
    rows = [[f"`{path}`", spread(seconds, 2)] for path, seconds in measured.items()]
    table = Measurement(f"Seconds of {ROUNDS} times each, median (least to most)", ("", "s"), rows)
    slowest = max(measured, key=lambda path: statistics.median(measured[path]))
    median = statistics.median(measured[slowest])
    goal = Goal(
        "a page of the dashboard with 50,000 tasks in the records",
        f"each under {LIMIT:g} s",
        f"at most {median:.2f} s (`{slowest}`)",
        all(statistics.median(seconds) < LIMIT for seconds in measured.values()) if tasks >= TASKS else None,
    )
    load = f"{tasks:,} tasks with predictions, {reviewed:,} of them reviewed, {size:.0f} MB of records in SQLite"
    return BenchReport("pages", load, [table], [goal], raw={"seconds": measured})


def _predict(random: np.random.Generator, task: int, version: str, begin: datetime) -> LoggedPrediction:
    boxes = tuple(_region(random, f"{task}-{number}") for number in range(random.integers(1, 5)))
    return LoggedPrediction(
        project_id=PROJECT,
        task_id=task,
        image=f"/data/upload/1/{task}.jpg",
        version=version,
        regions=boxes,
        candidates=(),
        threshold=0.25,
        score=float(random.random()),
        stream=AUDIT if random.random() < 0.05 else QUEUE,
        propensity=0.05,
        served_at=begin + timedelta(minutes=5 * task),
    )


def _review(random: np.random.Generator, entry: LoggedPrediction) -> Review:
    left = [region for region in entry.regions if random.random() < 0.8]
    drawn = [_region(random, f"{entry.task_id}-drawn")] if random.random() < 0.2 else []
    at = entry.served_at + timedelta(minutes=1)
    return Review(
        id=entry.task_id,
        unique_id="",
        project_id=PROJECT,
        task_id=entry.task_id,
        regions=(*left, *drawn),
        created_at=at,
        updated_at=at,
        annotator=int(random.integers(1, 6)),
        lead_time=float(random.gamma(4, 5)),
    )


def _region(random: np.random.Generator, name: str) -> Region:
    x, y = random.uniform(0, 0.7, 2)
    label = LABELS[random.integers(len(LABELS))]
    return Region(name, Box(float(x), float(y), float(x) + 0.2, float(y) + 0.2), label, float(random.uniform(0.3, 1)))


if __name__ == "__main__":
    main()
