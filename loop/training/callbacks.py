"""What is looked at, kept and reported while ultralytics trains."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.errors import LoopError, TrainingFailed
from loop.failures import name_tasks, tasks_in
from loop.training import checkpoints
from loop.vision.ultralytics_setup import threads

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # between two looks at whether the training is to stop


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is; mAP50-95 of the last finished epoch on the held-out split; images a step as they are."""

    epoch: int
    epochs: int
    batch: int
    map50_95: float | None = None
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how far a training is, and who may stop it: *check* raises where it is to end."""

    report: Callable[[Progress], None]
    check: Callable[[], None]


class Callbacks:
    """Ultralytics calls each of these by its name; *batch* is the number of images a step as far as is known."""

    EVENTS = (
        "on_pretrain_routine_end",
        "on_train_start",
        "on_train_batch_start",
        "on_train_batch_end",
        "on_train_epoch_end",
        "on_val_batch_end",
        "on_model_save",
        "on_fit_epoch_end",
    )

    def __init__(self, kept: Path, batch: int, watch: Watch) -> None:
        self.batch = batch
        self._kept, self._watch = kept, watch
        self._looked = self._started = time.monotonic()

    def on_pretrain_routine_end(self, trainer: Any) -> None:
        """Refuse a dataset of which ultralytics would silently leave something out."""
        missing = {path for loader in (trainer.train_loader, trainer.test_loader) for path in _left_out(loader.dataset)}
        if missing:
            tasks = tasks_in(" ".join(missing))
            raise TrainingFailed(
                f"{name_tasks(tasks) if tasks else ', '.join(sorted(missing)[:3])}: the image or its labels in the "
                f"snapshot cannot be used"
            )

    def on_train_start(self, trainer: Any) -> None:
        """Report where it starts, and use all cores."""
        import torch

        torch.set_num_threads(threads())  # ultralytics leaves one core idle
        self._started = time.monotonic()
        self._watch.report(Progress(trainer.start_epoch, trainer.epochs, trainer.batch_size))

    def on_train_batch_start(self, trainer: Any) -> None:
        """Note how many images a step there are: in the first epoch ultralytics halves them by itself."""
        self.batch = trainer.batch_size

    def on_train_batch_end(self, _: Any) -> None:
        """Look whether to stop; where the records do not answer, the next look is soon enough."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        try:
            self._watch.check()
        except LoopError:
            raise
        except Exception:
            log.exception("could not look whether the training is to stop")

    on_val_batch_end = on_train_batch_end

    def on_train_epoch_end(self, trainer: Any) -> None:
        """
        Refuse what is not a number.

        Ultralytics goes back to its last checkpoint for a loss that is none, but not in the first epoch, and writes
        zeros for such weights into a checkpoint.
        """
        is_loss_finite = bool(trainer.loss.isfinite())
        if not is_loss_finite and trainer.epoch == trainer.start_epoch:
            raise TrainingFailed(f"the loss of epoch {trainer.epoch + 1} is not a number")
        if is_loss_finite and not _is_finite(trainer.model):
            raise TrainingFailed(f"weights are not numbers after epoch {trainer.epoch + 1}")

    def on_model_save(self, trainer: Any) -> None:
        """Keep a checkpoint that is whole at any moment: ultralytics writes over its own in place."""
        checkpoints.copy(trainer.last, self._kept)
        trainer.best.unlink(missing_ok=True)  # else it is measured once more in the end

    def on_fit_epoch_end(self, trainer: Any) -> None:
        """Report the epoch."""
        done = trainer.epoch + 1
        an_epoch = (time.monotonic() - self._started) / (done - trainer.start_epoch)
        measured = trainer.metrics.get("metrics/mAP50-95(B)")
        found = None if measured is None else float(measured)
        self._watch.report(
            Progress(done, trainer.epochs, trainer.batch_size, found, an_epoch * (trainer.epochs - done))
        )


def _left_out(dataset: Any) -> set[str]:
    return set(dataset.get_img_files(dataset.img_path)) - set(dataset.im_files)


def _is_finite(model: Any) -> bool:
    return all(bool(value.isfinite().all()) for value in model.state_dict().values() if value.is_floating_point())
