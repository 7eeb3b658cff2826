"""Asks for a training, by request or if one is due."""

from __future__ import annotations

from datetime import UTC, datetime

from loop.errors import EmptySnapshot
from loop.training.room import TrainingRoom
from loop.training.store import Training, TrainingState


def ask_when_due(trainings: TrainingRoom, project_id: int) -> bool:
    """Ask for a training if the project's policy makes one due now; return whether it was asked for."""
    if trainings.store.open(project_id):  # checked first: a training that ends has marked its reviews as seen before
        return False
    project = trainings.studio.projects.get(project_id)
    policy = trainings.retrain_policy.of(project.policy)
    new = trainings.reviews.store.new_since(project_id, project.reviews_seen_at)
    if new < policy.retrain_after:
        return False
    last, now = next(iter(trainings.store.last(project_id)), None), datetime.now(UTC)
    ended_at = last.ended_at if last else None
    since_last = (now - ended_at).total_seconds() if ended_at and ended_at <= now else None  # else the clock went back
    is_cancelled = last is not None and last.state == TrainingState.CANCELLED
    since_cancelled = trainings.reviews.store.new_since(project_id, ended_at) if is_cancelled else None
    if not policy.is_due(new=new, since_last=since_last, since_cancelled=since_cancelled):
        return False
    ask_training(trainings, project_id, f"{new} new reviews")
    return True


def require_reviews(trainings: TrainingRoom, project_id: int) -> None:
    """Raise EmptySnapshot if no review is recorded: a training would end without a version."""
    if not trainings.reviews.store.new_since(project_id, None):
        advice = f"`loop sync --project {project_id}` reads those that Label Studio has"
        raise EmptySnapshot(f"project {project_id} has no reviews to train on; {advice}")


def ask_training(trainings: TrainingRoom, project_id: int, asked_by: str) -> Training:
    """Open a training unless one is open, and queue the job that runs it; return the open one."""
    training = trainings.store.ask(project_id, asked_by)
    trainings.queue.ask_retrain(project_id)
    return training
