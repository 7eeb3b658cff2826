"""Records reviews, and asks for a training if one is due; the recording itself does not depend on trainings."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from loop.reviews import process_events
from loop.reviews import sync as syncing
from loop.reviews.sync import Synced
from loop.training.ask import ask_training, ask_when_due
from loop.training.room import TrainingRoom

ASKED = "training asked for"


def review(trainings: TrainingRoom, project_id: int) -> str:
    """Process all pending events, see `process_events.review`."""
    start_training = partial(ask_training, trainings, project_id, "Start Training in Label Studio")
    line = process_events.review(trainings.reviews, project_id, start_training)
    return f"{line}, {ASKED}" if ask_when_due(trainings, project_id) else line


def sync(trainings: TrainingRoom, project_id: int) -> Synced:
    """Record the changes that no event reported, see `sync.sync`."""
    return _ask_after(trainings, project_id, syncing.sync(trainings.reviews, project_id))


def rebuild(trainings: TrainingRoom, project_id: int) -> Synced:
    """Read all reviews from Label Studio again, see `sync.rebuild`."""
    return _ask_after(trainings, project_id, syncing.rebuild(trainings.reviews, project_id))


def _ask_after(trainings: TrainingRoom, project_id: int, synced: Synced) -> Synced:
    is_asked = bool(synced.changed) and ask_when_due(trainings, project_id)
    return replace(synced, line=f"{synced.line}, {ASKED}") if is_asked else synced
