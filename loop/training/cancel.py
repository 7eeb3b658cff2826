"""Stop the open training of a project."""

from __future__ import annotations

from contextlib import suppress

from loop.errors import UpstreamError
from loop.parts import Parts
from loop.training.retrain import end
from loop.training.store import Outcome, State, Training


def cancel(parts: Parts, project_id: int) -> Training | None:
    """
    Ask the open training to stop, and return it as it is then; None where none is open.

    One that only waits is over at once; one that runs looks at least once a second while it trains, else between its
    steps. The reviews that it would have seen still count as new.
    """
    opened = parts.trainings.open(project_id)
    if not opened:
        return None
    training = opened[0]
    parts.trainings.cancel(training.id)
    with suppress(UpstreamError), parts.queue.alone(f"retrain-{project_id}") as nobody_runs_it:
        if nobody_runs_it and parts.trainings.get(training.id).outcome is None:  # else it came too late
            end(parts, training, Outcome(State.CANCELLED, "cancelled"), None)
    return parts.trainings.get(training.id)
