"""All rooms of one installation: handed to jobs, the command line and the HTTP door, and to nobody below."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from loop.access.room import AccessRoom
from loop.crops.room import CropsRoom
from loop.datasets.room import DatasetsRoom
from loop.delivery import NoticeSender
from loop.discovery.room import DiscoveryRoom
from loop.gate.room import GateRoom
from loop.installation.room import InstallationRoom
from loop.job_queue.queue import JobQueue
from loop.label_studio.room import StudioRoom
from loop.notices import Outbox
from loop.rates.room import RatesRoom
from loop.references.room import ReferencesRoom
from loop.registry.room import RegistryRoom
from loop.reviews.room import ReviewsRoom
from loop.serving.room import ServingRoom
from loop.taxonomy.room import TaxonomyRoom
from loop.training.room import TrainingRoom
from loop.vision.room import VisionRoom


@dataclass(frozen=True, slots=True)
class Rooms:
    """All rooms of one installation; each reaches out at its first use, not before."""

    engine: Engine
    queue: JobQueue
    outbox: Outbox
    sender: NoticeSender
    access: AccessRoom
    studio: StudioRoom
    vision: VisionRoom
    registry: RegistryRoom
    serving: ServingRoom
    reviews: ReviewsRoom
    rates: RatesRoom
    datasets: DatasetsRoom
    gate: GateRoom
    trainings: TrainingRoom
    references: ReferencesRoom
    crops: CropsRoom
    taxonomies: TaxonomyRoom
    discovery: DiscoveryRoom
    installation: InstallationRoom

    def close(self) -> None:
        """Close all connections."""
        for connected in (self.vision.images, self.studio.client, self.queue, self.references.milvus):
            connected.close()
        self.reviews.events.engine.dispose()
        self.engine.dispose()
