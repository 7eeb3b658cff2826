"""
Measure base models beside each other: `python -m scripts.bench.base_models [PLAN…]`, by default yolo11n and yolo26n.

Each begins from random weights, because published ones are no package, and learns the same composed scenes for about
as many seconds of CPU as the first one; it is measured on scenes of other cut-outs. Then their exports detect in turns,
each in a process of its own. Random weights learn little in minutes, so this says more about speed than about quality.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from loop.gate.evaluator import Evaluator
from loop.registry.detectors import Detectors
from loop.training.callbacks import Watch
from loop.training.trainer import TrainingPolicy, train
from loop.vision.cpu.model_file import SUFFIX
from loop.vision.cpu.speed import Speed, measure
from loop.vision.cpu.tuning import default_tuning
from loop.vision.ultralytics_setup import prepare_ultralytics
from scripts.bench.figures import BenchReport, Measurement, spread
from scripts.bench.own_process import measure_apart
from scripts.bench.training import write_scenes

PLANS = ("yolo11n", "yolo26n")
SEEDS, ROUNDS = 2, 5
TRAINED_ON, HELD_OUT = 160, 60
PIXELS, EPOCHS, PROBE, BATCH = 160, 12, 3, 8  # epochs are those of the first plan, and of the probe of each
SERVED_PIXELS = 640

Learnt = dict[str, Any]


def main() -> None:
    """Measure and print, or train one model once and print that."""
    if sys.argv[1:2] == ["--train"]:
        plan, given, epochs, seed, out = sys.argv[2:]
        print(json.dumps(train_once(plan, Path(given), int(epochs), int(seed), Path(out))))
        return
    plans = sys.argv[1:] or PLANS
    with tempfile.TemporaryDirectory(prefix="loop-base-models-") as name:
        folder = Path(name)
        data = write_scenes(folder / "data", TRAINED_ON, HELD_OUT)
        learnt = learn(plans, data, folder)
        files = {plan: folder / f"{plan}-0{SUFFIX}" for plan in plans}
        make_report(learnt, measure_speeds(files)).publish()


def learn(plans: Sequence[str], data: Path, folder: Path) -> dict[str, list[Learnt]]:
    """Train each plan with each seed, for about as long as the first one."""

    def run(plan: str, epochs: int, seed: int, out: Path) -> Learnt:
        learnt: Learnt = measure_apart("scripts.bench.base_models", "--train", plan, data, epochs, seed, out)
        print(plan, learnt, flush=True)
        return learnt

    costs = {plan: run(plan, PROBE, 0, folder / f"probe-{plan}{SUFFIX}")["epoch"] for plan in plans}
    epochs = {plan: max(1, round(EPOCHS * costs[plans[0]] / cost)) for plan, cost in costs.items()}
    measured: dict[str, list[Learnt]] = {plan: [] for plan in plans}
    for seed in range(SEEDS):
        for plan, runs in measured.items():
            runs.append(run(plan, epochs[plan], seed, folder / f"{plan}-{seed}{SUFFIX}"))
    return measured


def train_once(plan: str, data: Path, epochs: int, seed: int, out: Path) -> Learnt:
    """Train from random weights, and export; return the CPU seconds of an epoch, and the mAP of the export."""
    prepare_ultralytics()
    import torch
    from ultralytics import YOLO

    torch.manual_seed(seed)
    moments: list[float] = []
    watch = Watch(lambda _: moments.append(time.process_time()), lambda: None)
    policy = TrainingPolicy(epochs=epochs, batch=BATCH, image_size=PIXELS, device="cpu", seed=seed)
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        start = Path(scratch, f"{plan}.pt")
        YOLO(f"{plan}.yaml", task="detect").save(str(start))
        trained = train(data, start, Path(scratch, "run"), policy, watch)
        detectors = Detectors("cpu", PIXELS, "", Path(scratch))
        detectors.export(trained, out)
    metrics = Evaluator(detectors).measure(out, data)
    epoch = statistics.median(after - before for before, after in pairwise(moments))
    return {"epochs": epochs, "epoch": epoch, "cpu": time.process_time(), **_read(metrics)}


def _read(metrics: Any) -> dict[str, float]:
    return {"map50": metrics.map50, "map50_95": metrics.map50_95}


def measure_speeds(files: Mapping[str, Path]) -> dict[str, list[Speed]]:
    """Detect with the exports in turns, on made-up photos."""
    rounds: dict[str, list[Speed]] = {plan: [] for plan in files}
    for _ in range(ROUNDS):
        for plan, done in rounds.items():
            done.append(measure(files[plan], [], SERVED_PIXELS, default_tuning()))
            print(plan, done[-1], flush=True)
    return rounds


def make_report(learnt: Mapping[str, Sequence[Learnt]], speeds: Mapping[str, Sequence[Speed]]) -> BenchReport:
    """Return what each learnt, and how fast each is beside the first."""
    first = next(iter(speeds.values()))
    speed_rows = [
        [
            plan,
            _compare([speed.alone_ms for speed in rounds], [speed.alone_ms for speed in first]),
            _compare([speed.images_s for speed in rounds], [speed.images_s for speed in first]),
            _compare([speed.memory_mb for speed in rounds], [speed.memory_mb for speed in first]),
        ]
        for plan, rounds in speeds.items()
    ]
    columns = ("", "time of an image alone", "images a second by several threads", "memory of the process")
    title = (
        f"Exports at {SERVED_PIXELS} px, times {next(iter(speeds))}, {ROUNDS} rounds in turns, median (least to most)"
    )
    learnt_rows = [
        [
            plan,
            str(runs[0]["epochs"]),
            spread([run["epoch"] for run in runs], 1),
            spread([run["map50"] for run in runs], 3),
            spread([run["map50_95"] for run in runs], 3),
        ]
        for plan, runs in learnt.items()
    ]
    names = (f"From random weights, {SEEDS} seeds", "epochs", "CPU of an epoch, s", "mAP50", "mAP50-95")
    load = (
        f"{TRAINED_ON} composed scenes at {PIXELS} px, {BATCH} images a step, {HELD_OUT} scenes of other cut-outs held "
        "out; few boxes are found in the photos for the speed; other work may run beside it"
    )
    raw: dict[str, object] = {
        "speeds": {
            plan: [[each.alone_ms, each.images_s, each.memory_mb] for each in done] for plan, done in speeds.items()
        },
        "learnt": {plan: list(runs) for plan, runs in learnt.items()},
    }
    tables = [Measurement(title, columns, speed_rows), Measurement(names[0], names, learnt_rows)]
    return BenchReport("base_models", load, tables, raw=raw)


def _compare(values: Sequence[float], first: Sequence[float]) -> str:
    return spread([value / other for value, other in zip(values, first, strict=True)], 2)


if __name__ == "__main__":
    main()
