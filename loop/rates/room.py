"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from loop.label_studio.room import StudioRoom
from loop.notices import Outbox
from loop.rates.advice.task_counts import TaskCounts
from loop.rates.known.shown_store import ShownAgain
from loop.rates.shadow_store import ShadowStore
from loop.rates.store import RateStore
from loop.reviews.review_store import CountedReview
from loop.reviews.room import ReviewsRoom
from loop.serving.queue_order import Ranking


@dataclass(frozen=True, slots=True)
class RatesRoom:
    """
    Verdicts over time.

    *cohort_field* is the field of a task's data that names its cohort, empty for no cohorts. *known_share* is the share
    of tasks with a known answer among those that annotators get.
    """

    studio: StudioRoom
    outbox: Outbox
    reviews: ReviewsRoom
    store: RateStore
    tasks: TaskCounts
    shadows: ShadowStore
    shown_again: ShownAgain
    cohort_field: str = ""
    known_share: float = 0.0

    def find_counted(self, project_id: int) -> dict[int, CountedReview]:
        """Return the reviews that count, by task, without those whose verdicts are in no rate."""
        known = self.reviews.verdicts.find_known(project_id)
        counted = self.reviews.store.find_counted(project_id)
        return {task_id: review for task_id, review in counted.items() if task_id not in known}


def open_rates(engine: Engine, ranking: Ranking) -> dict[str, Any]:
    """Return the stores of this room by the names of its fields."""
    return {
        "store": RateStore(engine, ranking),
        "tasks": TaskCounts(engine),
        "shadows": ShadowStore(engine),
        "shown_again": ShownAgain(engine),
    }
