"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass

from loop.label_studio.room import StudioRoom
from loop.notices import Outbox
from loop.rates.shadow_store import ShadowStore
from loop.rates.store import RateStore
from loop.reviews.room import ReviewsRoom


@dataclass(frozen=True, slots=True)
class RatesRoom:
    """Verdicts over time; *cohort_field* is the field of a task's data that names its cohort, empty for no cohorts."""

    studio: StudioRoom
    outbox: Outbox
    reviews: ReviewsRoom
    store: RateStore
    shadows: ShadowStore
    cohort_field: str = ""
