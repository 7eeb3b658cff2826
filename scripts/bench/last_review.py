"""
Measure the time from the last review of a batch to a judged candidate: `python -m scripts.bench.last_review`.

A real Label Studio and `loop up` with its defaults. An annotator reviews two batches; the second candidate, which is
judged against the first one where that serves, counts.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from loop.training.stopwatch import Stage, seconds_of
from loop.training.store import OPEN, Training
from scripts.bench.figures import BenchReport, Goal, Measurement
from scripts.bench.installation import LoadedInstallation, compose, installation
from scripts.demo import services
from scripts.demo.annotator import Annotator

BATCH, EPOCHS, PIXELS = 60, 20, 320
TRAINED = (Stage.LOAD, Stage.STEP, Stage.VALIDATE, Stage.TRAIN)
MOST = 0.1  # of the time of the training
NOTICED, BETWEEN = "the review is recorded and a training asked for", "between the stages"
CLOSED = "judged to closed"


def main() -> None:
    """Measure and print."""
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else EPOCHS
    with tempfile.TemporaryDirectory(prefix="loop-last-review-") as folder:
        run(Path(folder), epochs).publish()


def run(folder: Path, epochs: int) -> BenchReport:
    """Review two batches, each of which starts a training."""
    variables = {
        "LOOP_IMAGE_SIZE": str(PIXELS),
        "LOOP_EPOCHS": str(epochs),
        "LOOP_RETRAIN_AFTER": str(BATCH),
        "LOOP_EMBEDDER": "none",
    }
    with installation(folder, **variables) as loaded:
        shown = compose(2 * BATCH, seed=8)
        project_id = loaded.add_project("Last review", shown)
        annotator = Annotator(loaded.api, project_id, shown)
        measured = [measure_batch(loaded, project_id, annotator, number) for number in (1, 2)]
    return make_report(measured)


def measure_batch(
    loaded: LoadedInstallation, project_id: int, annotator: Annotator, number: int
) -> tuple[Training, float, float]:
    """Review a batch; return its training, the seconds until it ended, and those until it was asked for."""
    for _ in range(BATCH):
        annotator.review_next()
    reviewed, began = datetime.now(UTC), time.monotonic()

    def has_ended() -> bool:
        last = loaded.rooms.trainings.store.last(project_id, 10)
        return len(last) == number and last[0].state not in OPEN

    services.wait_until(has_ended, "no training ended")
    training = loaded.rooms.trainings.store.last(project_id)[0]
    assert training.ended_at, training
    print(training.status, seconds_of(training), f"{time.monotonic() - began:.1f} s", flush=True)
    return training, (training.ended_at - reviewed).total_seconds(), (training.asked_at - reviewed).total_seconds()


def split(training: Training, whole: float, asked: float) -> Mapping[str, float]:
    """Return the seconds by stage, and those before and between them."""
    stages = seconds_of(training)
    return {NOTICED: asked, **stages, BETWEEN: whole - asked - sum(stages.values())}


def make_report(measured: list[tuple[Training, float, float]]) -> BenchReport:
    """Return the seconds by stage, and how the second batch stands to the goal."""
    splits = [split(*each) for each in measured]
    names = list(dict.fromkeys(name for each in splits for name in each))
    rows = [[name, *(f"{each.get(name, 0.0):.1f}" for each in splits)] for name in names]
    rows.append(["all", *(f"{whole:.1f}" for _, whole, _ in measured)])
    training, whole, _ = measured[-1]
    trained = sum(seconds_of(training).get(stage, 0.0) for stage in TRAINED)
    more = whole / trained - 1
    goal = Goal(
        "last review of a batch to candidate judged",
        f"training time plus at most {MOST:.0%}",
        f"training time plus {more:.0%} ({whole - trained:.1f} s beside {trained:.0f} s)",
        more <= MOST,
    )
    columns = ("", *(f"batch {number}: {each[0].status}" for number, each in enumerate(measured, 1)))
    title = f"Seconds from the last of {BATCH} reviews to a judged candidate"
    load = f"{BATCH} and {2 * BATCH} composed scenes at {PIXELS} px, a real Label Studio on the same cores"
    raw = {"splits": splits, "whole": [whole for _, whole, _ in measured]}
    return BenchReport("last_review", load, [Measurement(title, columns, rows)], [goal], raw=raw)


if __name__ == "__main__":
    main()
