"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from loop.datasets.room import DatasetsRoom
from loop.gate.room import GateRoom
from loop.job_queue.queue import JobQueue
from loop.label_studio.room import StudioRoom
from loop.notices import Outbox
from loop.registry.room import RegistryRoom
from loop.reviews.room import ReviewsRoom
from loop.storage.file_store import FileStore
from loop.training.policy import RetrainPolicy
from loop.training.store import TrainingStore
from loop.training.trainer import TrainingPolicy


@dataclass(frozen=True, slots=True)
class TrainingRoom:
    """
    Trainings, asked for and run; *runs* is the folder of their files.

    *image_size*, in pixels of the longer side, is set by LOOP_IMAGE_SIZE; None: the size of the start weights.
    """

    studio: StudioRoom
    queue: JobQueue
    outbox: Outbox
    registry: RegistryRoom
    reviews: ReviewsRoom
    datasets: DatasetsRoom
    gate: GateRoom
    store: TrainingStore
    files: FileStore
    runs: Path
    policy: TrainingPolicy
    retrain_policy: RetrainPolicy
    image_size: int | None = None
