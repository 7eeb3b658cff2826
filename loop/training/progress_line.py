"""How far a training has come, in a line and as a share."""

from __future__ import annotations

from loop.training.store import Phase, Training, describe_progress


def describe_training(training: Training | None) -> str:
    """Describe a training in one line: its progress while it is open, else how it ended."""
    if training is None:
        return "none"
    progress = training.progress or {}
    if training.ended_at or not progress:
        return f"{training.status}{f': {training.error}' if training.error else ''}"
    left, map50_95 = progress.get("seconds_left"), progress.get("map50_95")
    batch, batch_asked = progress.get("batch", 0), progress.get("batch_asked", 0)
    details = [
        describe_progress(training),
        *([f"mAP50-95 {map50_95:.3f}"] if map50_95 is not None else []),
        *([f"{left:.0f} s left"] if left is not None and progress["phase"] == Phase.TRAINING else []),
        *([f"{batch} images a batch instead of {batch_asked}: out of memory"] if batch < batch_asked else []),
        *(["to be cancelled"] if training.is_cancelled else []),
    ]
    return ", ".join(details)


def training_share(training: Training) -> float | None:
    """Return the share of the epochs that are done; None where no epoch is."""
    progress = training.progress or {}
    epoch, epochs = progress.get("epoch"), progress.get("epochs")
    return min(1.0, epoch / epochs) if epoch is not None and epochs else None
