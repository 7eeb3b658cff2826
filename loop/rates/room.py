"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
        """
        Return the review of each task that the rates have, by task: the one that counts.

        Where the answer was known, it is the one judged beside it, if there is one.
        """
        counted, known = self.reviews.store.find_counted(project_id), self.reviews.verdicts.find_known(project_id)
        shared = {review.id: review for review in self.reviews.facts.read_shared(project_id)} if known else {}
        beside = {task_id: shared.get(annotation or 0) for task_id, annotation in known.items()}
        rated = {task_id: each.review for task_id, each in counted.items()} | beside
        return {
            task_id: replace(each, review=review) for task_id, each in counted.items() if (review := rated[task_id])
        }


def open_rates(engine: Engine, ranking: Ranking) -> dict[str, Any]:
    """Return the stores of this room by the names of its fields."""
    return {
        "store": RateStore(engine, ranking),
        "tasks": TaskCounts(engine),
        "shadows": ShadowStore(engine),
        "shown_again": ShownAgain(engine),
    }
