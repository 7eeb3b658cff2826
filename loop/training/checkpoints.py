"""The checkpoint of a training, whole at any moment; ultralytics' own may be cut off."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loop.errors import TrainingFailed, WeightsRefused
from loop.storage.files import name_full_disk
from loop.vision.ultralytics_setup import prepare_ultralytics
from loop.vision.weights_kind import check_kind


def checkpoint_path(run: Path) -> Path:
    """The path of the checkpoint of a run."""
    return run / "kept.pt"


def read(path: Path) -> dict[str, Any] | None:
    """The content of a checkpoint, without running any code in it; None if it is missing or cannot be read."""
    prepare_ultralytics()
    from ultralytics.nn.tasks import torch_safe_load

    try:
        check_kind(path)
        checkpoint: dict[str, Any] = torch_safe_load(str(path), safe_only=True)[0]
    except (WeightsRefused, OSError, RuntimeError, EOFError, TypeError, pickle.UnpicklingError):
        return None
    return checkpoint


def is_complete(path: Path) -> bool:
    """Whether a checkpoint is of the last epoch."""
    checkpoint = read(path)
    return checkpoint is not None and int(checkpoint["epoch"]) + 1 >= int(checkpoint["train_args"]["epochs"])


def finish(run: Path, finished: Path, class_names: Sequence[str]) -> None:
    """
    Write the weights without optimizer state, and with the class names of the dataset.

    Ultralytics replaces names that are codes of ImageNet, such as `n01440764`, with other words.
    """
    import torch
    from ultralytics.utils.torch_utils import strip_optimizer

    scratch = run / "half.pt"
    with name_full_disk(scratch):
        checkpoint = strip_optimizer(checkpoint_path(run), str(scratch))
        if not checkpoint:
            raise TrainingFailed(f"ultralytics ended without weights in {run}")
        names = dict(enumerate(class_names))
        if checkpoint["model"].names != names:
            checkpoint["model"].names = names
            torch.save(checkpoint, scratch)
    scratch.rename(finished)
