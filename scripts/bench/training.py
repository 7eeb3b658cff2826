"""
Measure a training beside ultralytics' own defaults: `python -m scripts.bench.training [ROUNDS]`.

Both train on the same composed scenes, from the same weights, with the same images a step, epochs, size and seed, each
in a process of its own, in turns. The time is that of the whole training: its start, its measurements on the held-out
scenes, its checkpoints and its end. The gate measures the last epoch of ours later, which is not in the time.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from scripts.bench.figures import BenchReport, Goal, Measurement, spread
from scripts.bench.own_process import measure_apart
from scripts.bench.train_process import DEFAULTS, OURS
from scripts.demo import project as projects
from scripts.demo import scenes

ROUNDS = 3
TRAINED_ON, HELD_OUT = 120, 30
PIXELS, EPOCHS, BATCH = 320, 4, 16
GOAL_SHARE, GOAL_TIMES = 0.9, 1.6
NAMES = {OURS: "ours", DEFAULTS: "ultralytics as it comes"}

Round = dict[str, Any]


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory(prefix="loop-training-") as folder:
        data = write_scenes(Path(folder, "data"), TRAINED_ON, HELD_OUT)
        measured: dict[str, list[Round]] = {how: [] for how in NAMES}
        for _ in range(rounds):
            for how, done in measured.items():
                done.append(train_once(how, data))
                print(how, done[-1], flush=True)
    make_report(measured).publish()


def write_scenes(folder: Path, train: int, held_out: int) -> Path:
    """Write composed scenes as a dataset whose held-out side shows other cut-outs; return its `data.yaml`."""
    labels = sorted(scenes.CLASSES)
    for palette, count, side in zip(scenes.palettes(), (train, held_out), ("train", "held_out"), strict=True):
        part = projects.write_dataset(folder / side, labels, scenes.compose(palette, count, seed=1, prefix=side))
        for kind in ("images", "labels"):
            shutil.move(part.parent / kind / "held_out", folder / kind / side)
    return part.rename(folder / "data.yaml")


def train_once(how: str, data: Path, start: Path = scenes.WARM_START) -> Round:
    """Train in a process of its own, and return what it took."""
    taken: Round = measure_apart("scripts.bench.train_process", how, data, start, PIXELS, EPOCHS, BATCH)
    return {**taken, "a second": TRAINED_ON * EPOCHS / taken["seconds"]}


def make_report(measured: dict[str, list[Round]]) -> BenchReport:
    """Return the figures side by side, and how they stand to the goal."""
    rows = [
        [
            NAMES[how],
            *(spread([done[key] for done in rounds], digits) for key, digits in (("seconds", 1), ("a second", 1))),
            spread([done["share"] for done in rounds], 2),
        ]
        for how, rounds in measured.items()
    ]
    stages = sorted({stage for done in measured[OURS] for stage in done["stages"]})
    where = [[stage, spread([done["stages"].get(stage, 0.0) for done in measured[OURS]], 1)] for stage in stages]
    share = statistics.median(done["share"] for done in measured[OURS])
    ratios = [
        ours["a second"] / other["a second"] for ours, other in zip(measured[OURS], measured[DEFAULTS], strict=True)
    ]
    times = statistics.median(ratios)
    goal = Goal(
        "training: share of both cores; image seconds",
        f"at least {GOAL_SHARE}; at least {GOAL_TIMES} times ultralytics' defaults",
        f"{share:.2f}; {times:.1f} times ({min(ratios):.1f} to {max(ratios):.1f})",
        share >= GOAL_SHARE and times >= GOAL_TIMES,
    )
    columns = ("", "seconds", "images a second", "share of both cores")
    title = f"Training, {len(ratios)} rounds in turns, median (least to most)"
    load = (
        f"YOLO11n at {PIXELS} px, {EPOCHS} epochs of {TRAINED_ON} composed scenes with {HELD_OUT} held out, {BATCH} "
        f"images a step; the start of the process is not counted; other work may run beside it"
    )
    tables = [Measurement(title, columns, rows), Measurement("Stage", ("", "seconds of ours"), where)]
    return BenchReport("training", load, tables, [goal], raw=dict(measured))


if __name__ == "__main__":
    main()
