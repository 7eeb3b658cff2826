"""How far a training has come, in a line and as a share."""

from __future__ import annotations

from loop.training.stopwatch import seconds_of
from loop.training.store import Phase, Training, describe_progress

MOST_STAGES = 4  # that are named


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


def describe_seconds(training: Training | None) -> str:
    """Describe where the seconds of a training that ended went, the longest stages first; empty where none is known."""
    seconds = seconds_of(training) if training and training.ended_at else {}
    if not training or not seconds:
        return ""
    stages = sorted(seconds.items(), key=lambda stage: -stage[1])[:MOST_STAGES]
    named = ", ".join(f"{name} {value:.1f}" for name, value in stages)
    return f"training {training.id} took {sum(seconds.values()):.1f} s from asking to its end, of which {named}"


def training_share(training: Training) -> float | None:
    """Return the share of the epochs that are done; None where no epoch is."""
    progress = training.progress or {}
    epoch, epochs = progress.get("epoch"), progress.get("epochs")
    return min(1.0, epoch / epochs) if epoch is not None and epochs else None
