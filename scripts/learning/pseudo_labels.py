"""Open tasks that a study trains on as they are predicted, the surest ones: as accepted tasks, without a proof."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import sqlalchemy as sa

from loop.label_studio.payloads import Review
from loop.reviews.accepted.store import AcceptedStore
from loop.reviews.review_store import CountedReview
from loop.rooms import Rooms
from loop.serving.queue_order import task_score
from loop.serving.store import LoggedPrediction

SUREST = 20  # open tasks


class PseudoLabels(AcceptedStore):
    """The predictions of the champion on the surest open tasks with a box; *rooms* returns those that hold this."""

    def __init__(self, engine: sa.Engine, rooms: Callable[[], Rooms]) -> None:
        super().__init__(engine)
        self._rooms = rooms

    def read_trainable(self, project_id: int) -> dict[int, CountedReview]:
        """Return what to train on, by task."""
        rooms = self._rooms()
        champion = rooms.registry.versions.champion(project_id)
        data = {task.id: task.data for task in rooms.studio.client.open_tasks(project_id)}
        logged = rooms.serving.predictions.newest(project_id, data, version=champion.name) if champion else {}
        shown = (entry for entry in logged.values() if entry.regions)
        surest = heapq.nlargest(SUREST, shown, key=_find_chance)
        return {entry.task_id: CountedReview(_make_review(entry), data[entry.task_id]) for entry in surest}


def _find_chance(entry: LoggedPrediction) -> float:
    """Return the chance that a prediction is right in every respect."""
    return task_score([region.score or 0.0 for region in (*entry.regions, *entry.candidates)], entry.threshold)


def _make_review(entry: LoggedPrediction) -> Review:
    made_at = entry.served_at
    return Review(-entry.task_id, "", entry.project_id, entry.task_id, entry.regions, made_at, made_at)
