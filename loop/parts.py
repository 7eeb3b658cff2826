"""The adapters and policies of one installation, as the use cases are given them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from loop.dataset_folder import ImageCache
from loop.detector import Detectors
from loop.door import Door
from loop.embedders import Embedders
from loop.event_log import EventLog
from loop.images import Images
from loop.ls_client import LabelStudio
from loop.outbox import Outbox
from loop.predict import Served, Thresholds
from loop.prediction_log import PredictionLog
from loop.priority import AuditPolicy
from loop.project_list import ProjectList
from loop.queue import JobQueue
from loop.references import References
from loop.registry import FIRST, Version, WeightsRegistry
from loop.review_log import ReviewLog
from loop.task_states import TaskStates
from loop.trainer import TrainingPolicy
from loop.training_log import TrainingLog
from loop.vector_log import VectorLog


@dataclass(frozen=True, slots=True)
class Policies:
    """What decides: how many new reviews ask for a training, what share is kept for measuring, what is shown."""

    retrain_after: int
    held_out_share: float
    thresholds: Thresholds
    audit: AuditPolicy
    training: TrainingPolicy


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a use case may need; each adapter reaches out at its first use, not before."""

    policies: Policies
    door: Door
    label_studio: LabelStudio
    queue: JobQueue
    events: EventLog
    outbox: Outbox
    predictions: PredictionLog
    reviews: ReviewLog
    projects: ProjectList
    trainings: TrainingLog
    registry: WeightsRegistry
    detectors: Detectors
    images: Images
    image_cache: ImageCache
    embedders: Embedders
    references: References
    vectors: VectorLog
    task_states: TaskStates
    snapshots: Path
    runs: Path
    engine: Engine

    def close(self) -> None:
        """Give all connections back."""
        for part in (self.images, self.label_studio, self.queue, self.references):
            part.close()
        self.engine.dispose()

    def load(self, version: Version | None) -> Served:
        """
        A version with its detector in memory.

        Without a version it is the weights to start from, and where those are not on this machine, nothing.
        """
        weights = version.weights if version else self.detectors.base_if_here()
        return Served(self.version_name(version), self.detectors.load(weights) if weights else None)

    def version_name(self, version: Version | None) -> str:
        """What predictions of a version are called; Label Studio needs a name where there is none yet."""
        return version.name if version else f"{self.registry.model_name}@{FIRST}"
