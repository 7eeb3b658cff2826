"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass

from loop.label_studio.room import StudioRoom
from loop.registry.room import RegistryRoom
from loop.serving.matching import Matching
from loop.serving.queue_groups import GroupStore
from loop.serving.queue_order import AuditPolicy, Ranking
from loop.serving.store import PredictionLog
from loop.vision.room import VisionRoom


@dataclass(frozen=True, slots=True)
class ServingPolicy:
    """
    Settings of serving.

    *is_spread*: the queue is spread over groups of similar tasks.
    *keep_predictions*: seconds that Label Studio keeps predictions of a replaced version; -1: without end.
    """

    audit: AuditPolicy
    is_spread: bool = True
    keep_predictions: float = -1.0


@dataclass(frozen=True, slots=True)
class ServingRoom:
    """Predictions for tasks, and the queue's order."""

    studio: StudioRoom
    vision: VisionRoom
    registry: RegistryRoom
    predictions: PredictionLog
    groups: GroupStore
    matching: Matching
    ranking: Ranking
    policy: ServingPolicy
