"""Builds the objects of each room from the settings: the one place where they are put together."""

from __future__ import annotations

from dataclasses import fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from loop import policies
from loop.crops.room import CropsRoom, open_crops
from loop.datasets.image_vector_store import ImageVectorStore
from loop.datasets.room import DatasetsRoom
from loop.datasets.snapshot_store import SnapshotStore
from loop.datasets.split_store import SplitStore
from loop.delivery import NoticeSender, standard_key
from loop.discovery.cluster_store import ClusterStore
from loop.discovery.picture_folder import DiscoveryFolder
from loop.discovery.room import DiscoveryRoom
from loop.discovery.unknown_store import UnknownStore
from loop.gate.evaluator import Evaluator
from loop.gate.report_store import ReportStore
from loop.gate.room import GateRoom
from loop.installation.room import InstallationRoom
from loop.job_queue.queue import JobQueue
from loop.label_studio.client import LabelStudio
from loop.label_studio.interactive.backend import InteractiveBackend
from loop.label_studio.projects import ClassStore, ProjectStore
from loop.label_studio.room import BackendAddress, StudioRoom
from loop.memory_budget import budget
from loop.notices import Outbox
from loop.rates.room import RatesRoom, open_rates
from loop.references import milvus_server
from loop.references.changed_tasks import TaskStates
from loop.references.label_counts import LabelCounts
from loop.references.milvus_client import Milvus
from loop.references.room import ReferencesRoom
from loop.references.vector_store import VectorStore
from loop.registry.export_store import ExportStore
from loop.registry.loaded_version import Thresholds
from loop.registry.moves import MoveLog
from loop.registry.room import RegistryRoom
from loop.registry.store import WeightsRegistry
from loop.registry.weights_files import WeightsFiles
from loop.reviews.room import ReviewsRoom, open_stores
from loop.rooms import Rooms
from loop.secrecy import guard
from loop.serving.queue_groups import GroupStore
from loop.serving.room import ServingRoom
from loop.serving.store import PredictionLog
from loop.settings import Settings
from loop.storage import database
from loop.storage.file_store import FileStore
from loop.storage.home_folder import make_home
from loop.storage.installation_store import InstallationStore
from loop.storage.keys import DerivedSecrets
from loop.taxonomy.label_pass_store import LabelPassStore
from loop.taxonomy.match_request import TaxonomyMatching
from loop.taxonomy.match_store import MatchStore
from loop.taxonomy.room import TaxonomyRoom
from loop.taxonomy.store import TaxonomyLog
from loop.training.policy import RetrainPolicy
from loop.training.room import TrainingRoom
from loop.training.store import TrainingStore
from loop.vision.image_cache import ImageCache
from loop.vision.images import Images
from loop.vision.room import VisionRoom

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Room = TypeVar("Room", bound="DataclassInstance")


def build(settings: Settings | None = None, *, migrate: bool = False) -> Rooms:
    """Build the rooms from *settings*, or from the environment; *migrate* brings the records up to date first."""
    settings = settings or Settings.read()
    make_home(settings.home)
    guard(settings.secrets())
    budget().total = policies.image_memory(settings)
    if migrate:
        database.migrate(settings.database)
    return RoomBuilder(settings).rooms()


class RoomBuilder:
    """Builds each room once, from its own objects and the rooms below it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.engine = database.connect(settings.database)
        self.files = FileStore(settings.home, settings.store)
        self._facts = InstallationStore(self.engine)
        self._secrets = DerivedSecrets(self._facts, settings.home, settings.webhook_secret)
        self.access = policies.access_room(settings, self._secrets, self.engine)
        self.queue = JobQueue(settings.redis)
        self.outbox = Outbox(self.engine, settings.receivers)
        self.sender = NoticeSender(lambda: standard_key(settings.notify_secret or self._secrets.of("notices")))
        self.predictions, self.ranking = PredictionLog(self.engine), policies.ranking(settings, self.files, self.engine)

    def rooms(self) -> Rooms:
        """Build all rooms."""
        return self._room(Rooms)

    def _room(self, kind: type[Room], **own: Any) -> Room:
        """Build a room from its *own* objects; all others are attributes of the same name."""
        return kind(**own, **{each.name: getattr(self, each.name) for each in fields(kind) if each.name not in own})

    @cached_property
    def studio(self) -> StudioRoom:
        """Label Studio, and the connected projects."""
        settings = self._settings
        return self._room(
            StudioRoom,
            client=LabelStudio(settings.label_studio_url, settings.label_studio_api_key),
            backend=BackendAddress(settings.backend_url, self.access.logins.of_project, self._secrets.of_webhook),
            projects=ProjectStore(self.engine),
            classes=ClassStore(self.engine),
            interactive=InteractiveBackend(settings.interactive_url) if settings.interactive_url else None,
        )

    @cached_property
    def vision(self) -> VisionRoom:
        """Images and embedders."""
        images = Images(self.studio.client, policies.image_limits(settings := self._settings))
        return self._room(
            VisionRoom,
            images=images,
            cache=ImageCache(settings.home / "images", images, settings.image_pixels, settings.image_bytes),
            embedders=policies.embedders(settings, self._facts),
        )

    @cached_property
    def registry(self) -> RegistryRoom:
        """The versions of every project."""
        settings = self._settings
        files = WeightsFiles(settings.home / "weights", self.files)
        return self._room(
            RegistryRoom,
            versions=WeightsRegistry(self.engine, files, settings.model_name),
            exports=ExportStore(self.engine, files),
            moves=MoveLog(self.engine),
            detectors=policies.detectors(settings),
            thresholds=Thresholds(settings.score_floor, settings.score_threshold),
        )

    @cached_property
    def reviews(self) -> ReviewsRoom:
        """Events, reviews and verdicts."""
        return self._room(ReviewsRoom, **open_stores(self.engine, self._settings.home / "spool"))

    @cached_property
    def rates(self) -> RatesRoom:
        """Verdicts over time."""
        return self._room(
            RatesRoom,
            **open_rates(self.engine, self.ranking),
            cohort_field=self._settings.cohort_field,
            known_share=self._settings.known_share,
        )

    @cached_property
    def datasets(self) -> DatasetsRoom:
        """Splits and snapshots."""
        return self._room(
            DatasetsRoom,
            splits=SplitStore(self.engine),
            vectors=ImageVectorStore(self.engine),
            snapshots=SnapshotStore(self._settings.home / "snapshots", self.files),
            policy=policies.dataset_policy(self._settings),
        )

    @cached_property
    def gate(self) -> GateRoom:
        """Candidate against champion."""
        return self._room(
            GateRoom,
            evaluator=Evaluator(self.registry.detectors),
            reports=ReportStore(self._settings.home / "reports", self.files),
            policy=policies.gate_policy(self._settings),
        )

    @cached_property
    def trainings(self) -> TrainingRoom:
        """Trainings, asked for and run."""
        settings = self._settings
        return self._room(
            TrainingRoom,
            store=TrainingStore(self.engine),
            runs=settings.home / "runs",
            policy=policies.training_policy(settings),
            retrain_policy=RetrainPolicy(settings.retrain_after, settings.cool_down),
            image_size=settings.image_size,
        )

    @cached_property
    def references(self) -> ReferencesRoom:
        """Vectors in Milvus."""
        address = self._settings.milvus_uri or milvus_server.address(self._settings.milvus_folder)
        return self._room(
            ReferencesRoom,
            milvus=Milvus(address),
            vectors=VectorStore(self.engine),
            task_states=TaskStates(self.engine),
        )

    @cached_property
    def crops(self) -> CropsRoom:
        """Boxes for people to look at."""
        return self._room(CropsRoom, **open_crops(self.engine))

    @cached_property
    def taxonomies(self) -> TaxonomyRoom:
        """Taxonomies and matches."""
        return self._room(
            TaxonomyRoom,
            store=TaxonomyLog(self.engine),
            matches=MatchStore(self.engine),
            counts=LabelCounts(self.engine),
            passes=LabelPassStore(self.engine),
            group_field=self._settings.group_field,
        )

    @cached_property
    def serving(self) -> ServingRoom:
        """Predictions and the order of the queue."""
        return self._room(
            ServingRoom,
            groups=GroupStore(self.engine),
            matching=TaxonomyMatching(self.taxonomies, self._settings.match_seconds),
            policy=policies.serving_policy(self._settings),
        )

    @cached_property
    def discovery(self) -> DiscoveryRoom:
        """Clusters of the unknown."""
        return self._room(
            DiscoveryRoom,
            unknown=UnknownStore(self.engine),
            clusters=ClusterStore(self.engine),
            pictures=DiscoveryFolder(self._settings.home / "discoveries"),
        )

    @cached_property
    def installation(self) -> InstallationRoom:
        """The rooms that set-up and checks need."""
        answers = self.references.milvus.answers
        machine = policies.machine(self._settings, self.engine, self._facts, self._secrets, self.files, answers)
        return self._room(InstallationRoom, machine=machine, retention=policies.retention_policy(self._settings))
