"""Builds the objects of each room from the settings: the one place where they are put together."""

from __future__ import annotations

from dataclasses import fields
from functools import cached_property
from pathlib import Path

from loop.datasets.image_vector_store import WholeVectors
from loop.datasets.room import DatasetPolicy, DatasetsRoom
from loop.datasets.selection import SelectionPolicy
from loop.datasets.split_store import SplitList
from loop.delivery import NoticeSender, standard_key
from loop.discovery.cluster_store import ClusterLog
from loop.discovery.picture_folder import DiscoveryFolder
from loop.discovery.room import DiscoveryRoom
from loop.discovery.unknown_store import UnknownList
from loop.errors import PayloadError
from loop.gate.evaluator import Evaluator
from loop.gate.report_store import ReportFolder
from loop.gate.room import GateRoom
from loop.gate.rule import GatePolicy
from loop.installation.room import InstallationRoom
from loop.job_queue.queue import JobQueue
from loop.label_studio.client import LabelStudio
from loop.label_studio.projects import ClassStore, ProjectStore
from loop.label_studio.room import BackendAddress, StudioRoom
from loop.notices import Outbox
from loop.rates.room import RatesRoom
from loop.rates.shadow_store import ShadowLog
from loop.rates.store import RateLog
from loop.references import milvus_server
from loop.references.changed_tasks import TaskStates
from loop.references.milvus_client import References
from loop.references.room import ReferencesRoom
from loop.references.vector_store import VectorLog
from loop.registry.detectors import Detectors
from loop.registry.loaded_version import Thresholds
from loop.registry.moves import MoveLog
from loop.registry.room import RegistryRoom
from loop.registry.store import WeightsRegistry
from loop.reviews.event_store import EventLog
from loop.reviews.operation_store import OperationLog
from loop.reviews.review_store import ReviewLog
from loop.reviews.room import ReviewsRoom
from loop.reviews.set_aside import SetAsideStore
from loop.reviews.verdict_store import VerdictLog
from loop.rooms import Rooms
from loop.secrecy import guard
from loop.serving.queue_groups import GroupStore
from loop.serving.queue_order import AuditPolicy
from loop.serving.room import ServingPolicy, ServingRoom
from loop.serving.store import PredictionLog
from loop.settings import Settings
from loop.storage import database
from loop.storage.key_file import DerivedSecrets
from loop.taxonomy.match_request import TaxonomyMatching
from loop.taxonomy.match_store import MatchLog
from loop.taxonomy.room import TaxonomyRoom
from loop.taxonomy.store import TaxonomyLog
from loop.training.policy import RetrainPolicy
from loop.training.room import TrainingRoom
from loop.training.store import TrainingStore
from loop.training.trainer import TrainingPolicy
from loop.vision.embedders import Embedders
from loop.vision.image_cache import ImageCache
from loop.vision.images import ImageLimits, Images
from loop.vision.room import VisionRoom
from loop.vision.ultralytics_weights import IMAGE_SIZE


def build(settings: Settings | None = None, *, migrate: bool = False) -> Rooms:
    """Build the rooms from *settings*, or from the environment; *migrate* brings the records up to date first."""
    settings = settings or Settings.read()
    _make_home(settings.home)
    guard(settings.secrets())
    if migrate:
        database.migrate(settings.database)
    builder = _Builder(settings)
    return Rooms(**{field.name: getattr(builder, field.name) for field in fields(Rooms)})


class _Builder:
    """Builds each room once, from the rooms below it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secrets = DerivedSecrets(settings.home, settings.webhook_secret)
        self.engine = database.connect(settings.database)
        self.queue = JobQueue(settings.redis)
        self.outbox = Outbox(self.engine, settings.receivers)
        self.sender = NoticeSender(lambda: standard_key(settings.notify_secret or self._secrets.of("notices")))
        self._predictions = PredictionLog(self.engine)

    @cached_property
    def studio(self) -> StudioRoom:
        settings = self._settings
        return StudioRoom(
            client=LabelStudio(settings.label_studio_url, settings.label_studio_api_key),
            backend=BackendAddress(
                settings.backend_url, settings.basic_auth_user, settings.basic_auth_pass, self._secrets.of_webhook
            ),
            projects=ProjectStore(self.engine),
            classes=ClassStore(self.engine),
        )

    @cached_property
    def vision(self) -> VisionRoom:
        settings = self._settings
        images = Images(self.studio.client, _image_limits(settings))
        return VisionRoom(
            queue=self.queue,
            images=images,
            cache=ImageCache(settings.home / "images", images, settings.image_pixels),
            embedders=Embedders(
                settings.embedder, device=settings.device, image_size=settings.image_size or IMAGE_SIZE
            ),
        )

    @cached_property
    def registry(self) -> RegistryRoom:
        settings = self._settings
        return RegistryRoom(
            studio=self.studio,
            queue=self.queue,
            outbox=self.outbox,
            versions=WeightsRegistry(self.engine, settings.home / "weights", settings.model_name),
            moves=MoveLog(self.engine),
            detectors=Detectors(settings.device, settings.image_size, settings.base_weights, settings.home / "base"),
            thresholds=Thresholds(settings.score_floor, settings.score_threshold),
        )

    @cached_property
    def reviews(self) -> ReviewsRoom:
        return ReviewsRoom(
            studio=self.studio,
            outbox=self.outbox,
            vision=self.vision,
            registry=self.registry,
            predictions=self._predictions,
            events=EventLog(self.engine),
            set_aside=SetAsideStore(self.engine),
            store=ReviewLog(self.engine),
            verdicts=VerdictLog(self.engine),
            operations=OperationLog(self.engine),
        )

    @cached_property
    def rates(self) -> RatesRoom:
        return RatesRoom(
            studio=self.studio,
            outbox=self.outbox,
            reviews=self.reviews,
            store=RateLog(self.engine),
            shadows=ShadowLog(self.engine),
            cohort_field=self._settings.cohort_field,
        )

    @cached_property
    def datasets(self) -> DatasetsRoom:
        return DatasetsRoom(
            studio=self.studio,
            vision=self.vision,
            registry=self.registry,
            reviews=self.reviews,
            splits=SplitList(self.engine),
            vectors=WholeVectors(self.engine),
            snapshots=self._settings.home / "snapshots",
            policy=_dataset_policy(self._settings),
        )

    @cached_property
    def gate(self) -> GateRoom:
        return GateRoom(
            studio=self.studio,
            registry=self.registry,
            datasets=self.datasets,
            evaluator=Evaluator(self.registry.detectors),
            reports=ReportFolder(self._settings.home / "reports"),
            policy=_gate_policy(self._settings),
        )

    @cached_property
    def trainings(self) -> TrainingRoom:
        settings = self._settings
        return TrainingRoom(
            studio=self.studio,
            queue=self.queue,
            outbox=self.outbox,
            registry=self.registry,
            reviews=self.reviews,
            datasets=self.datasets,
            gate=self.gate,
            store=TrainingStore(self.engine),
            runs=settings.home / "runs",
            policy=TrainingPolicy(
                epochs=settings.epochs, batch=settings.batch, device=settings.device, freeze=settings.freeze
            ),
            retrain_policy=RetrainPolicy(settings.retrain_after, settings.cool_down),
            image_size=settings.image_size,
        )

    @cached_property
    def references(self) -> ReferencesRoom:
        settings = self._settings
        return ReferencesRoom(
            studio=self.studio,
            queue=self.queue,
            vision=self.vision,
            registry=self.registry,
            reviews=self.reviews,
            predictions=self._predictions,
            milvus=References(settings.milvus_uri or milvus_server.address(settings.milvus_folder)),
            vectors=VectorLog(self.engine),
            task_states=TaskStates(self.engine),
        )

    @cached_property
    def taxonomies(self) -> TaxonomyRoom:
        return TaxonomyRoom(
            studio=self.studio,
            vision=self.vision,
            registry=self.registry,
            predictions=self._predictions,
            rates=self.rates,
            references=self.references,
            store=TaxonomyLog(self.engine),
            matches=MatchLog(self.engine),
            group_field=self._settings.group_field,
        )

    @cached_property
    def serving(self) -> ServingRoom:
        settings = self._settings
        return ServingRoom(
            studio=self.studio,
            vision=self.vision,
            registry=self.registry,
            predictions=self._predictions,
            groups=GroupStore(self.engine),
            matching=TaxonomyMatching(self.taxonomies, settings.match_seconds),
            policy=ServingPolicy(AuditPolicy(settings.audit_share), settings.spread, settings.keep_predictions),
        )

    @cached_property
    def discovery(self) -> DiscoveryRoom:
        return DiscoveryRoom(
            studio=self.studio,
            queue=self.queue,
            outbox=self.outbox,
            vision=self.vision,
            serving=self.serving,
            reviews=self.reviews,
            references=self.references,
            taxonomies=self.taxonomies,
            unknown=UnknownList(self.engine),
            clusters=ClusterLog(self.engine),
            pictures=DiscoveryFolder(self._settings.home / "discoveries"),
        )

    @cached_property
    def installation(self) -> InstallationRoom:
        return InstallationRoom(
            engine=self.engine,
            studio=self.studio,
            queue=self.queue,
            outbox=self.outbox,
            vision=self.vision,
            registry=self.registry,
            serving=self.serving,
            reviews=self.reviews,
            rates=self.rates,
            references=self.references,
            trainings=self.trainings,
        )


def _make_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PayloadError("LOOP_HOME", "a folder that can be made and written", f"{home}: {error.strerror}") from error


def _image_limits(settings: Settings) -> ImageLimits:
    return ImageLimits(
        bytes=settings.image_bytes,
        pixels=settings.image_pixels,
        seconds=settings.image_seconds,
        allow_private_addresses=settings.allow_private_addresses,
    )


def _dataset_policy(settings: Settings) -> DatasetPolicy:
    return DatasetPolicy(
        held_out_share=settings.held_out_share,
        group_field=settings.group_field,
        twin_bits=settings.twin_bits,
        twin_cosine=settings.twin_cosine,
        selection=SelectionPolicy(settings.replay_share, settings.background_share),
    )


def _gate_policy(settings: Settings) -> GatePolicy:
    return GatePolicy(
        confidence=settings.gate_confidence,
        class_drop=settings.gate_class_drop,
        latency_ratio=settings.gate_latency_ratio,
        least_images=settings.gate_images,
        least_boxes=settings.gate_boxes,
    )
