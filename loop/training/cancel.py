"""Stop the open training of a project."""

from __future__ import annotations

from contextlib import suppress

from loop.errors import UpstreamError
from loop.parts import Parts
from loop.training.retrain import end
from loop.training.store import Outcome, State, Training


def cancel(parts: Parts, project_id: int) -> Training | None:
    """
    Ask the open training of a project to stop, and return it; None if no training is open.

    A waiting training ends at once. A running training checks every second while it trains, otherwise between its
    steps. Its reviews still count as new.
    """
    open_trainings = parts.trainings.open(project_id)
    if not open_trainings:
        return None
    training = open_trainings[0]
    parts.trainings.cancel(training.id)
    with suppress(UpstreamError), parts.queue.alone(f"retrain-{project_id}") as is_idle:
        if is_idle and parts.trainings.get(training.id).outcome is None:  # else the request came too late
            end(parts, training, Outcome(State.CANCELLED, "cancelled"), None)
    return parts.trainings.get(training.id)
