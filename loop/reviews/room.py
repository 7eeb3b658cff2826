"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass

from loop.label_studio.room import StudioRoom
from loop.notices import Outbox
from loop.registry.room import RegistryRoom
from loop.reviews.event_store import EventLog
from loop.reviews.operation_store import OperationLog
from loop.reviews.review_store import ReviewLog
from loop.reviews.set_aside import SetAsideStore
from loop.reviews.verdict_store import VerdictLog
from loop.serving.store import PredictionLog
from loop.vision.room import VisionRoom


@dataclass(frozen=True, slots=True)
class ReviewsRoom:
    """Events, reviews and verdicts."""

    studio: StudioRoom
    outbox: Outbox
    vision: VisionRoom
    registry: RegistryRoom
    predictions: PredictionLog
    events: EventLog
    set_aside: SetAsideStore
    store: ReviewLog
    verdicts: VerdictLog
    operations: OperationLog
