"""Callbacks that check, save and report while ultralytics trains."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loop.errors import LoopError, TrainingFailed
from loop.failures import name_tasks, tasks_in
from loop.storage.files import copy_whole
from loop.training.read_ahead import ReadAhead
from loop.training.step_images import count_step_images, count_step_threads
from loop.training.stopwatch import Stage, Stopwatch
from loop.vision.ultralytics_setup import thread_count

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # between two checks whether the training must stop
MEASUREMENTS = 10  # at most, on the held-out split: the last of them after the training


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """
    Progress of a training: mAP50-95 on the held-out split when it was measured last; *batch* as it is used now.

    *seconds* are those since the last progress, by stage.
    """

    epoch: int
    epochs: int
    batch: int
    map50_95: float | None = None
    seconds_left: float | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Watch:
    """*report* receives the progress of a training; *check* raises to stop it."""

    report: Callable[[TrainingProgress], None]
    check: Callable[[], None]


def check_calmly(watch: Watch) -> None:
    """Check whether to stop; if the records do not answer, the next check asks again."""
    try:
        watch.check()
    except LoopError:
        raise
    except Exception:
        log.exception("cannot check whether the training must stop; the next check asks again")


class Callbacks:
    """Ultralytics calls each method by its name; *batch* is the number of images a batch, as last seen."""

    EVENTS = (
        "on_pretrain_routine_end",
        "on_train_start",
        "on_train_batch_start",
        "on_train_batch_end",
        "on_train_epoch_end",
        "on_val_batch_end",
        "on_val_end",
        "on_model_save",
        "on_fit_epoch_end",
    )

    def __init__(self, checkpoint: Path, batch: int, least_steps: int, watch: Watch) -> None:
        self.batch = batch
        self._checkpoint, self._least_steps, self._watch = checkpoint, least_steps, watch
        self._checked = self._started = time.monotonic()
        self._stopwatch = Stopwatch()
        self._is_measured = False

    def on_pretrain_routine_end(self, trainer: Any) -> None:
        """
        Refuse a dataset from which ultralytics would silently skip images; step often where they are few.

        Load ahead where no process does.
        """
        missing = {
            path for loader in (trainer.train_loader, trainer.test_loader) for path in _skipped_files(loader.dataset)
        }
        if missing:
            tasks = tasks_in(" ".join(missing))
            raise TrainingFailed(
                f"{name_tasks(tasks) if tasks else ', '.join(sorted(missing)[:3])}: the image or its labels in the "
                f"snapshot cannot be used"
            )
        if not trainer.resume:  # else the checkpoint says how often
            images = len(trainer.train_loader.dataset)
            nbs = count_step_images(images, trainer.epochs, trainer.batch_size, self._least_steps)
            trainer.args.nbs, trainer.accumulate = nbs, min(trainer.accumulate, max(1, round(nbs / trainer.batch_size)))
        if trainer.device.type == "cpu":
            trainer.train_loader = ReadAhead(trainer.train_loader)

    def on_train_start(self, trainer: Any) -> None:
        """Report the first epoch, and use as many cores as have work: ultralytics leaves one of them idle."""
        import torch

        torch.set_num_threads(count_step_threads(trainer.batch_size, trainer.args.imgsz, thread_count()))
        self._started = time.monotonic()
        self._stopwatch.lap(Stage.TRAIN)
        self._watch.report(self._progress(trainer, trainer.start_epoch))

    def on_train_batch_start(self, trainer: Any) -> None:
        """Note the number of images a batch, which ultralytics may halve in the first epoch."""
        self._stopwatch.lap(Stage.LOAD)
        self.batch = trainer.batch_size

    def on_train_batch_end(self, trainer: Any) -> None:
        """End a step."""
        self._stopwatch.lap(Stage.STEP)
        self.on_val_batch_end(trainer)

    def on_val_batch_end(self, _: Any) -> None:
        """Check whether to stop, once in a while."""
        if time.monotonic() - self._checked < LOOK_SECONDS:
            return
        self._checked = time.monotonic()
        check_calmly(self._watch)

    def on_val_end(self, _: Any) -> None:
        """End the measurement of an epoch."""
        self._stopwatch.lap(Stage.VALIDATE)
        self._is_measured = True

    def on_train_epoch_end(self, trainer: Any) -> None:
        """
        Refuse a loss or weights that are not finite; say whether this epoch is measured.

        The last epoch never is: its weights are measured after the training, as they serve. Ultralytics returns to its
        last checkpoint at such a loss, but not in the first epoch. It writes zeros for such weights into a checkpoint.
        """
        self._stopwatch.lap(Stage.TRAIN)
        trainer.args.val = (trainer.epoch + 1) % math.ceil(trainer.epochs / MEASUREMENTS) == 0
        if trainer.epoch + 1 >= trainer.epochs:
            trainer.validate = lambda: (trainer.metrics, trainer.fitness)
        is_loss_finite = bool(trainer.loss.isfinite())
        if not is_loss_finite and trainer.epoch == trainer.start_epoch:
            raise TrainingFailed(f"the loss of epoch {trainer.epoch + 1} is not a number")
        if is_loss_finite and not _is_finite(trainer.model):
            raise TrainingFailed(f"weights are not numbers after epoch {trainer.epoch + 1}")

    def on_model_save(self, trainer: Any) -> None:
        """Copy the checkpoint, because ultralytics overwrites its own in place."""
        copy_whole(trainer.last, self._checkpoint)
        trainer.best.unlink(missing_ok=True)  # else ultralytics validates it once more at the end

    def on_fit_epoch_end(self, trainer: Any) -> None:
        """Report the epoch."""
        done = trainer.epoch + 1
        epoch_seconds = (time.monotonic() - self._started) / (done - trainer.start_epoch)
        map50_95 = float(trainer.metrics["metrics/mAP50-95(B)"]) if self._is_measured else None
        self._stopwatch.lap(Stage.TRAIN)
        self._watch.report(self._progress(trainer, done, map50_95, epoch_seconds * (trainer.epochs - done)))

    def _progress(
        self, trainer: Any, epoch: int, map50_95: float | None = None, seconds_left: float | None = None
    ) -> TrainingProgress:
        seconds = self._stopwatch.take()
        return TrainingProgress(epoch, trainer.epochs, trainer.batch_size, map50_95, seconds_left, seconds)


def _skipped_files(dataset: Any) -> set[str]:
    """List them without `dataset.get_img_files`, which draws random numbers that the augmentation then lacks."""
    return {str(path) for path in Path(dataset.img_path).iterdir()} - set(dataset.im_files)


def _is_finite(model: Any) -> bool:
    return all(bool(value.isfinite().all()) for value in model.state_dict().values() if value.is_floating_point())
