"""One training in a process of its own: `python -m scripts.bench.train_process HOW DATA START PIXELS EPOCHS BATCH`."""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from loop.training.callbacks import TrainingProgress, Watch
from loop.training.trainer import TrainingPolicy, train
from loop.vision.ultralytics_setup import prepare_ultralytics

OURS, DEFAULTS = "ours", "defaults"
SEED = 1


def main() -> None:
    """Train as ours or as ultralytics does by default, and print what it took as JSON."""
    how, data, start, pixels, epochs, batch = sys.argv[1:]
    policy = TrainingPolicy(int(epochs), int(batch), int(pixels), device="cpu", seed=SEED)
    prepare_ultralytics()
    import ultralytics  # noqa: F401 (loading it is no part of the training)

    stages: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="loop-train-") as folder:
        began, cpu = time.perf_counter(), _cpu_seconds()
        if how == OURS:
            train(Path(data), Path(start), Path(folder, "run"), policy, Watch(_adding_to(stages), lambda: None))
        else:
            _train_by_default(data, start, folder, policy)
        seconds, cpu = time.perf_counter() - began, _cpu_seconds() - cpu
    print(json.dumps({"seconds": seconds, "share": cpu / seconds / (os.cpu_count() or 1), "stages": stages}))


def _train_by_default(data: str, start: str, folder: str, policy: TrainingPolicy) -> None:
    """Train with the same settings, and all others as ultralytics has them."""
    from ultralytics import YOLO

    same = {"epochs": policy.epochs, "batch": policy.batch, "imgsz": policy.image_size, "seed": policy.seed}
    YOLO(start).train(data=data, device="cpu", save_dir=f"{folder}/run", verbose=False, **same)


def _adding_to(stages: dict[str, float]) -> Any:
    def report(progress: TrainingProgress) -> None:
        for stage, seconds in progress.seconds.items():
            stages[stage] = stages.get(stage, 0.0) + seconds

    return report


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
