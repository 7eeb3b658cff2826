"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.datasets.room import DatasetsRoom
from loop.gate.room import GateRoom
from loop.job_queue.queue import JobQueue
from loop.label_studio.room import StudioRoom
from loop.notices import Outbox
from loop.registry.room import RegistryRoom
from loop.reviews.room import ReviewsRoom
from loop.storage.file_store import FileStore
from loop.training.policy import RetrainPolicy
from loop.training.store import Phase, Training, TrainingStore
from loop.training.trainer import TrainingPolicy


@dataclass(frozen=True, slots=True)
class TrainingStart:
    """The *version* that a training starts from, None for the start weights; its *weights*; the size it trains at."""

    version: str | None
    weights: Path
    image_size: int


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

    def run_folder(self, training: Training) -> Path:
        """Return the folder of a training, with its checkpoint as `.pt` once an epoch is over."""
        return self.runs / f"training-{training.id}"

    def get_begun(self, training: Training) -> dict[str, Any] | None:
        """Return the recorded start of a training of which an epoch is over; None of any other."""
        return (training.progress or {}).get("start") if any(self.run_folder(training).glob("*.pt")) else None

    def choose_start(self, training: Training) -> TrainingStart:
        """
        Return what a training starts from: the champion, at LOOP_IMAGE_SIZE or the size at which it serves.

        After a kill it is the same as before, whatever was promoted or set since, if an epoch is over: it began there.
        Raises PayloadError for LOOP_DEVICE, MissingWeights, DamagedWeights, WeightsRefused, StoreDown, UpstreamError.
        """
        detectors, versions = self.registry.detectors, self.registry.versions
        detectors.check_device()
        known = versions.champion(training.project_id)
        begun = self.get_begun(training)
        if begun:
            known = versions.get(training.project_id, begun["version"]) if begun["version"] else None
        if known:
            versions.verify(known)
        weights = detectors.to_train(known.weights) if known else detectors.base()
        if begun:
            image_size = int(begun["image_size"])
        else:
            own = (self.image_size or known.image_size) if known else None
            image_size = own or detectors.load(weights).image_size
        start = TrainingStart(known.name if known else None, weights, image_size)
        details = {"version": start.version, "image_size": start.image_size}
        if not begun:  # else a training that dies while it is measured would seem to get further each time
            self.store.reach(training.id, Phase.TRAINING, start=details)
        return start
