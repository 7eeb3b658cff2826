"""The checkpoint of a training, whole at any moment: one that ultralytics writes may be cut off."""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from loop.errors import TrainingFailed


def kept(run: Path) -> Path:
    """Where the checkpoint of a run is."""
    return run / "kept.pt"


def copy(source: Path, target: Path) -> None:
    """Copy a file so that *target* is there whole or as it was."""
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_suffix(".tmp")
    shutil.copy(source, scratch)
    scratch.rename(target)


def read(path: Path) -> dict[str, Any] | None:
    """What a checkpoint holds; None where there is none that can be read."""
    import torch

    try:
        found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=False)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError):
        return None
    return found


def is_complete(path: Path) -> bool:
    """Whether a checkpoint is of the last epoch."""
    found = read(path)
    return found is not None and int(found["epoch"]) + 1 >= int(found["train_args"]["epochs"])


def finish(run: Path, finished: Path, class_names: Sequence[str]) -> None:
    """
    Write the weights without what only training needs, and with the dataset's names of their classes.

    Ultralytics replaces names that are codes of ImageNet, such as `n01440764`, with other words.
    """
    import torch
    from ultralytics.utils.torch_utils import strip_optimizer

    scratch = run / "finished.tmp"
    stripped = strip_optimizer(kept(run), str(scratch))
    if not stripped:
        raise TrainingFailed(f"ultralytics ended without weights in {run}")
    names = dict(enumerate(class_names))
    if stripped["model"].names != names:
        stripped["model"].names = names
        torch.save(stripped, scratch)
    scratch.rename(finished)
