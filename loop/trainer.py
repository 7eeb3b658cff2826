"""Trains a YOLO detector on a snapshot, through ultralytics; starts again from where a killed run stopped."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loop.errors import TrainingFailed
from loop.ultralytics_setup import prepare_ultralytics, threads


@dataclass(frozen=True, slots=True)
class TrainingPolicy:
    """How a training is run; `image_size` in pixels of the longer side."""

    epochs: int = 50
    batch: int = 16
    image_size: int = 640
    device: str = ""
    freeze: int = 0
    seed: int = 0

    def arguments(self) -> dict[str, Any]:
        """The policy as it is kept with the version."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is; mAP50-95 of the last finished epoch on the held-out split."""

    epoch: int
    epochs: int
    map50_95: float | None
    seconds_left: float | None


def train(data: Path, start: Path, run: Path, policy: TrainingPolicy, report: Callable[[Progress], None]) -> Path:
    """
    Train from the weights *start* on the dataset whose `data.yaml` is *data*, and return the new weights.

    The held-out split is only looked at, for *report*: the weights are those of the last epoch, so no epoch is chosen
    by the images that the gate measures on. *run* is the folder of this training; where it holds the checkpoint of a
    run that was cut off, that run goes on. Raises TrainingFailed.
    """
    prepare_ultralytics()
    from ultralytics import YOLO

    finished = run / "finished.pt"
    if finished.exists():
        return finished
    checkpoint = run / "weights" / "last.pt"
    resume = _is_resumable(checkpoint)
    if not resume:
        shutil.rmtree(run, ignore_errors=True)
    model = YOLO(str(checkpoint if resume else start), task="detect")
    for event, callback in _callbacks(report).items():
        model.add_callback(event, callback)
    model.train(data=str(data), resume=resume, **_arguments(run, policy))
    if not checkpoint.exists():
        raise TrainingFailed(f"ultralytics ended without weights in {run}")
    shutil.copy(checkpoint, run / "finished.tmp")
    (run / "finished.tmp").rename(finished)
    return finished


def _arguments(run: Path, policy: TrainingPolicy) -> dict[str, Any]:
    return {
        "epochs": policy.epochs,
        "batch": policy.batch,
        "imgsz": policy.image_size,
        "device": policy.device or None,
        "freeze": policy.freeze or None,
        "seed": policy.seed,
        "project": str(run.parent),
        "name": run.name,
        "exist_ok": True,
        "patience": 0,
        "plots": False,
        "verbose": False,
        "workers": 0,
        "amp": False,  # its self-check downloads a model
        "single_cls": False,  # else the start weights bring theirs along
    }


def _callbacks(report: Callable[[Progress], None]) -> dict[str, Callable[[Any], None]]:
    started = time.monotonic()
    first_epoch: list[int] = []

    def on_train_start(trainer: Any) -> None:
        import torch

        torch.set_num_threads(threads())  # ultralytics leaves one core idle
        first_epoch.append(trainer.start_epoch)
        report(Progress(trainer.start_epoch, trainer.epochs, None, None))

    def on_fit_epoch_end(trainer: Any) -> None:
        done = min(trainer.epoch + 1, trainer.epochs)  # called once more after the last epoch
        a_epoch = (time.monotonic() - started) / max(1, done - first_epoch[0])
        measured = trainer.metrics.get("metrics/mAP50-95(B)")
        left = a_epoch * max(0, trainer.epochs - done)
        report(Progress(done, trainer.epochs, None if measured is None else float(measured), left))

    return {"on_train_start": on_train_start, "on_fit_epoch_end": on_fit_epoch_end}


def _is_resumable(checkpoint: Path) -> bool:
    """A checkpoint cut off while it was written, or of a finished run, cannot be gone on from."""
    if not checkpoint.exists():
        return False
    import pickle

    import torch

    try:
        return int(torch.load(checkpoint, map_location="cpu", weights_only=False)["epoch"]) >= 0
    except (OSError, RuntimeError, EOFError, KeyError, pickle.UnpicklingError):
        return False
