"""The adapters and policies of one installation, as the use cases are given them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from loop.dataset_folder import ImageCache
from loop.detector import Detectors
from loop.door import Door
from loop.event_log import EventLog
from loop.gate import GatePolicy
from loop.images import Images
from loop.ls_client import LabelStudio
from loop.outbox import Outbox
from loop.predict import Served, Thresholds
from loop.prediction_log import PredictionLog
from loop.priority import AuditPolicy
from loop.project_list import ProjectList
from loop.queue import JobQueue
from loop.registry import FIRST, Version, WeightsRegistry
from loop.report_folder import ReportFolder
from loop.review_log import ReviewLog
from loop.trainer import TrainingPolicy
from loop.training_log import TrainingLog


@dataclass(frozen=True, slots=True)
class Policies:
    """What decides: how many reviews ask for a training, what is kept for measuring, what is shown, what serves."""

    retrain_after: int
    held_out_share: float
    thresholds: Thresholds
    audit: AuditPolicy
    gate: GatePolicy
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
    snapshots: Path
    runs: Path
    reports: ReportFolder
    engine: Engine

    def close(self) -> None:
        """Give all connections back."""
        for part in (self.images, self.label_studio, self.queue):
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
