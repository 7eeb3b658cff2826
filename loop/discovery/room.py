"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from dataclasses import dataclass

from loop.discovery.cluster_store import ClusterStore
from loop.discovery.picture_folder import DiscoveryFolder
from loop.discovery.unknown_store import UnknownStore
from loop.job_queue.queue import JobQueue
from loop.label_studio.room import StudioRoom
from loop.notices import Outbox
from loop.references.room import ReferencesRoom
from loop.reviews.room import ReviewsRoom
from loop.serving.room import ServingRoom
from loop.taxonomy.room import TaxonomyRoom
from loop.vision.room import VisionRoom


@dataclass(frozen=True, slots=True)
class DiscoveryRoom:
    """The unknown boxes, their clusters, and the pictures of the clusters."""

    studio: StudioRoom
    queue: JobQueue
    outbox: Outbox
    vision: VisionRoom
    serving: ServingRoom
    reviews: ReviewsRoom
    references: ReferencesRoom
    taxonomies: TaxonomyRoom
    unknown: UnknownStore
    clusters: ClusterStore
    pictures: DiscoveryFolder
