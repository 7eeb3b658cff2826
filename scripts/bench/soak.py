"""
Load an installation at a moderate rate for an hour, and measure what grows: `python -m scripts.bench.soak [MINUTES]`.

A real Label Studio, `loop up` with its defaults, one review every three seconds through Label Studio, one prediction
every two seconds, trainings by themselves. Once every task is reviewed, reviews are edited: from then on only what is
written for each event, prediction and training should grow.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx

from scripts.bench import weights
from scripts.bench.figures import BenchReport, Measurement
from scripts.bench.growth import Sample, Slope, sample, slope, thin
from scripts.bench.installation import LoadedInstallation, compose, installation
from scripts.demo.annotator import Annotator

TASKS = 300
REVIEW_SECONDS, PREDICT_SECONDS, SAMPLE_SECONDS = 3.0, 2.0, 10.0
RETRAIN_AFTER, EPOCHS = 150, 2
SETTLED = 0.25  # share of the time after which memory counts: caches fill, and each kind of work was done
LOAD = (
    f"one review every {REVIEW_SECONDS:.0f} s through a real Label Studio, one prediction every "
    f"{PREDICT_SECONDS:.0f} s, a training of {EPOCHS} epochs after {RETRAIN_AFTER} reviews, beside other work"
)


class Reviewer:
    """Reviews what the label stream serves, and edits earlier reviews once it serves nothing more."""

    def __init__(self, loaded: LoadedInstallation, project_id: int, annotator: Annotator) -> None:
        self._api, self._annotator, self._project_id = loaded.api, annotator, project_id
        self._tasks: list[int] = []
        self._edits = 0

    def review(self) -> str:
        """Review a task or edit a review; return which of them it was."""
        task_id = self._annotator.review_next()
        if task_id is not None:
            self._tasks.append(task_id)
            return "reviews"
        task_id = self._tasks[self._edits % len(self._tasks)]
        annotation = self._api.get(f"/api/tasks/{task_id}/annotations/").raise_for_status().json()[0]
        for region in annotation["result"]:
            if region["type"] == "rectanglelabels":
                region["value"]["width"] *= 0.99 if self._edits // len(self._tasks) % 2 else 1 / 0.99
        self._api.patch(f"/api/annotations/{annotation['id']}/", json={"result": annotation["result"]})
        self._edits += 1
        return "edits"


class Predictions:
    """Asks for the prediction of one task after another, as Label Studio does when a task is opened."""

    def __init__(self, loaded: LoadedInstallation, project_id: int) -> None:
        query = {"project": project_id, "page_size": 1000}
        tasks = loaded.api.get("/api/tasks", params=query).raise_for_status().json()["tasks"]
        self._tasks = [{"id": task["id"], "data": task["data"]} for task in tasks]
        config = loaded.rooms.studio.projects.get(project_id).label_config
        login = loaded.rooms.studio.backend.login_of(project_id)
        self._body = {"project": f"{project_id}.1", "label_config": config}
        self._client = httpx.Client(base_url=loaded.settings.local_url, auth=(login.user, login.password), timeout=60)
        self._count = 0

    def predict(self) -> str:
        """Ask for one prediction."""
        task = self._tasks[self._count % len(self._tasks)]
        self._count += 1
        answer = self._client.post("/predict", json={**self._body, "tasks": [task]}).raise_for_status().json()
        return "failed predictions" if answer.get("errors") else "predictions"


class Paced:
    """Does something at a steady pace in a thread of its own, and counts its outcomes."""

    def __init__(self, act: Callable[[], str], seconds: float) -> None:
        self._act, self._seconds = act, seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.counts = Counter[str]()
        self.errors: list[str] = []

    def __enter__(self) -> Paced:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._seconds, time.monotonic() - 10 * self._seconds)
            try:
                self.counts[self._act()] += 1
            except httpx.HTTPError as error:
                self.counts["errors"] += 1
                self.errors.append(f"{type(error).__name__}: {error}")


def main() -> None:
    """Run for a number of minutes and print the slopes."""
    seconds = 60 * float(sys.argv[1]) if len(sys.argv) > 1 else 3600.0
    with tempfile.TemporaryDirectory(prefix="loop-soak-") as folder:
        run(Path(folder), seconds).publish()


def run(folder: Path, seconds: float) -> BenchReport:
    """Load an installation for a time, and report what grew."""
    variables = {
        "LOOP_IMAGE_SIZE": str(weights.IMAGE_SIZE),
        "LOOP_EPOCHS": str(EPOCHS),
        "LOOP_BATCH": "8",
        "LOOP_RETRAIN_AFTER": str(RETRAIN_AFTER),
    }
    samples: list[tuple[float, Sample]] = []
    with installation(folder, **variables) as loaded, ExitStack() as stack:
        shown = compose(TASKS, seed=3)
        project_id = loaded.add_project("Soak", shown)
        reviewer = Reviewer(loaded, project_id, Annotator(loaded.api, project_id, shown))
        predictions = Predictions(loaded, project_id)
        reviews = stack.enter_context(Paced(reviewer.review, REVIEW_SECONDS))
        predicts = stack.enter_context(Paced(predictions.predict, PREDICT_SECONDS))
        began = time.monotonic()
        with suppress(KeyboardInterrupt):  # what was measured by then is reported
            while (now := time.monotonic() - began) < seconds:
                samples.append((now, sample(loaded.settings)))
                print(f"{now:6.0f} s", dict(reviews.counts + predicts.counts), flush=True)
                time.sleep(SAMPLE_SECONDS)
        work = reviews.counts + predicts.counts
        work["trainings"] = len(loaded.rooms.trainings.store.last(project_id, 1000))
    return make_report(samples, work, [*reviews.errors, *predicts.errors])


def make_report(samples: list[tuple[float, Sample]], work: Counter[str], errors: list[str]) -> BenchReport:
    """Return the slopes of everything that was seen in most samples."""
    from_second = SETTLED * samples[-1][0]
    slopes: dict[str, Slope] = {}
    for name in sorted({name for _, values in samples for name in values}):
        points = [(moment, values[name]) for moment, values in samples if name in values and moment >= from_second]
        if len(points) > len(samples) / 3:
            slopes[name] = slope([moment for moment, _ in points], [value for _, value in points])
    rows = [
        [name, f"{line.first:.1f}", f"{line.last:.1f}", f"{line.an_hour:+.2f} ± {line.within:.2f}"]
        for name, line in slopes.items()
    ]
    minutes = samples[-1][0] / 60
    title = f"{minutes:.0f} minutes, of which the last {1 - SETTLED:.0%} count"
    columns = ("", "first minute that counts", "last minute", "growth an hour, with its 95% interval")
    done = Measurement("WorkKind done", ("", "number"), [[name, str(count)] for name, count in sorted(work.items())])
    raw = {"samples": thin(samples), "errors": errors}
    return BenchReport("soak", LOAD, [Measurement(title, columns, rows), done], raw=raw)


if __name__ == "__main__":
    main()
