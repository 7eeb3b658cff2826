"""Whether a training is due, and the asking for one."""

from __future__ import annotations

from datetime import UTC, datetime

from loop.parts import Parts
from loop.training.store import State


def ask_when_due(parts: Parts, project_id: int) -> bool:
    """Ask for a training where the project's policy calls for one now; return whether one was asked for."""
    if parts.trainings.open(project_id):  # asked first: one that ends has told before which reviews it has seen
        return False
    project = parts.projects.get(project_id)
    policy = parts.policies.retrain.of(project.policy)
    new = parts.reviews.new_since(project_id, project.reviews_seen_at)
    if new < policy.retrain_after:
        return False
    last = next(iter(parts.trainings.last(project_id)), None)
    ended_at = last.ended_at if last else None
    since_last = (datetime.now(UTC) - ended_at).total_seconds() if ended_at else None
    is_cancelled = last is not None and last.state == State.CANCELLED
    since_cancelled = parts.reviews.new_since(project_id, ended_at) if is_cancelled else None
    if not policy.is_due(new=new, since_last=since_last, since_cancelled=since_cancelled):
        return False
    ask_training(parts, project_id, f"{new} new reviews")
    return True


def ask_training(parts: Parts, project_id: int, asked_by: str) -> None:
    """Open a training, or join the one that is open, and see that a job runs it."""
    parts.trainings.ask(project_id, asked_by)
    parts.queue.ask_retrain(project_id)
