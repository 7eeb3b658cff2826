"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass

from loop.job_queue.queue import JobQueue
from loop.label_studio.room import StudioRoom
from loop.references.changed_tasks import TaskStates
from loop.references.milvus_client import Milvus
from loop.references.vector_store import VectorStore
from loop.registry.room import RegistryRoom
from loop.reviews.room import ReviewsRoom
from loop.serving.store import PredictionLog
from loop.vision.room import VisionRoom


@dataclass(frozen=True, slots=True)
class ReferencesRoom:
    """Vectors in Milvus, and the records of the vectors that should exist."""

    studio: StudioRoom
    queue: JobQueue
    vision: VisionRoom
    registry: RegistryRoom
    reviews: ReviewsRoom
    predictions: PredictionLog
    milvus: Milvus
    vectors: VectorStore
    task_states: TaskStates
