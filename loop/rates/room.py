"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass

from loop.label_studio.room import StudioRoom
from loop.notices import Outbox
from loop.rates.shadow_store import ShadowLog
from loop.rates.store import RateLog
from loop.reviews.room import ReviewsRoom


@dataclass(frozen=True, slots=True)
class RatesRoom:
    """Verdicts over time. *cohort_field*: the field of a task's data that names its cohort; empty: none does."""

    studio: StudioRoom
    outbox: Outbox
    reviews: ReviewsRoom
    store: RateLog
    shadows: ShadowLog
    cohort_field: str = ""
