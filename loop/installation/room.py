"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from loop.access.room import AccessRoom
from loop.installation.machine import Machine
from loop.job_queue.queue import JobQueue
from loop.label_studio.room import StudioRoom
from loop.notices import Outbox
from loop.rates.room import RatesRoom
from loop.references.room import ReferencesRoom
from loop.registry.room import RegistryRoom
from loop.reviews.room import ReviewsRoom
from loop.serving.room import ServingRoom
from loop.training.room import TrainingRoom
from loop.vision.room import VisionRoom


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """
    Days that each kind stays after nothing needs it any more, see `docs/retention.md`.

    *weights* is the number of newest versions that keep their weights; None: all.
    """

    events: int
    notices: int
    predictions: int
    runs: int
    snapshots: int
    images: int
    weights: int | None


@dataclass(frozen=True, slots=True)
class InstallationRoom:
    """The other rooms, for connecting a project and for checks; *engine* is that of the records."""

    engine: Engine
    access: AccessRoom
    studio: StudioRoom
    queue: JobQueue
    outbox: Outbox
    vision: VisionRoom
    registry: RegistryRoom
    reviews: ReviewsRoom
    rates: RatesRoom
    references: ReferencesRoom
    trainings: TrainingRoom
    machine: Machine
    serving: ServingRoom
    retention: RetentionPolicy
