"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from loop.crops.box_store import BoxStore
from loop.crops.suspect_store import SuspectStore
from loop.label_studio.room import StudioRoom
from loop.references.room import ReferencesRoom
from loop.registry.room import RegistryRoom
from loop.reviews.room import ReviewsRoom
from loop.serving.store import PredictionLog
from loop.vision.room import VisionRoom


@dataclass(frozen=True, slots=True)
class CropsRoom:
    """The boxes that have a vector, and those that may be labelled wrong."""

    studio: StudioRoom
    vision: VisionRoom
    registry: RegistryRoom
    reviews: ReviewsRoom
    predictions: PredictionLog
    references: ReferencesRoom
    boxes: BoxStore
    suspects: SuspectStore


def open_crops(engine: sa.Engine) -> dict[str, Any]:
    """Return the stores of this room by the names of its fields."""
    return {"boxes": BoxStore(engine), "suspects": SuspectStore(engine)}
