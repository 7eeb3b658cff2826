"""Settings to built adapters: the one place where the parts are put together."""

from __future__ import annotations

from pathlib import Path

from loop.datasets.image_vector_store import WholeVectors
from loop.datasets.selection import SelectionPolicy
from loop.datasets.split_store import SplitList
from loop.discovery.cluster_store import ClusterLog
from loop.discovery.picture_folder import DiscoveryFolder
from loop.discovery.unknown_store import UnknownList
from loop.errors import PayloadError
from loop.gate.evaluator import Evaluator
from loop.gate.report_store import ReportFolder
from loop.gate.rule import GatePolicy
from loop.job_queue import JobQueue
from loop.label_studio.backend_address import Door
from loop.label_studio.class_store import ClassList
from loop.label_studio.client import LabelStudio
from loop.label_studio.projects import ProjectList
from loop.notice_sender import Courier
from loop.notices import standard_key
from loop.outbox import Outbox
from loop.parts import DatasetPolicy, Parts, Policies
from loop.rates.store import RateLog
from loop.references import milvus_server
from loop.references.changed_tasks import TaskStates
from loop.references.milvus_client import References
from loop.references.vector_store import VectorLog
from loop.registry.detectors import Detectors
from loop.registry.moves import MoveLog
from loop.registry.store import WeightsRegistry
from loop.reviews.bulk.store import OperationLog
from loop.reviews.event_store import EventLog
from loop.reviews.review_store import ReviewLog
from loop.reviews.set_aside import SetAsideStore
from loop.reviews.verdict_store import VerdictLog
from loop.secrecy import guard
from loop.serving.matching import Matching
from loop.serving.predict import Thresholds
from loop.serving.priority import AuditPolicy
from loop.serving.queue_groups import GroupLog
from loop.serving.store import PredictionLog
from loop.settings import Settings
from loop.storage import database
from loop.taxonomy.match import known
from loop.taxonomy.match_request import MatchNow
from loop.taxonomy.match_store import MatchLog
from loop.taxonomy.store import TaxonomyLog
from loop.training.policy import RetrainPolicy
from loop.training.store import TrainingLog
from loop.training.trainer import TrainingPolicy
from loop.vision.embedders import Embedders
from loop.vision.image_cache import ImageCache
from loop.vision.images import ImageLimits, Images
from loop.vision.ultralytics_weights import IMAGE_SIZE


def build(settings: Settings | None = None, *, migrate: bool = False) -> Parts:
    """Build the parts from *settings*, or from the environment; *migrate* brings the records up to date first."""
    settings = settings or Settings.read()
    _make_home(settings.home)
    guard(settings.secrets())
    if migrate:
        database.migrate(settings.database)
    engine = database.connect(settings.database)
    label_studio = LabelStudio(settings.label_studio_url, settings.label_studio_api_key)
    images = Images(label_studio, _limits(settings))
    detectors = Detectors(settings.device, settings.image_size, settings.base_weights, settings.home / "base")
    return Parts(
        policies=_policies(settings),
        door=Door(settings.backend_url, settings.basic_auth_user, settings.basic_auth_pass, settings.webhook_secret_of),
        label_studio=label_studio,
        queue=JobQueue(settings.redis),
        events=EventLog(engine),
        set_aside=SetAsideStore(engine),
        outbox=Outbox(engine, settings.receivers),
        courier=Courier(lambda: standard_key(settings.notify_key)),
        predictions=PredictionLog(engine),
        reviews=ReviewLog(engine),
        verdicts=VerdictLog(engine),
        operations=OperationLog(engine),
        rates=RateLog(engine),
        projects=ProjectList(engine),
        classes=ClassList(engine),
        splits=SplitList(engine),
        whole_vectors=WholeVectors(engine),
        trainings=TrainingLog(engine),
        moves=MoveLog(engine),
        registry=WeightsRegistry(engine, settings.home / "weights", settings.model_name),
        detectors=detectors,
        evaluator=Evaluator(detectors),
        images=images,
        image_cache=ImageCache(settings.home / "images", images, settings.image_pixels),
        embedders=Embedders(settings.embedder, device=settings.device, image_size=settings.image_size or IMAGE_SIZE),
        references=References(settings.milvus_uri or milvus_server.address(settings.milvus_folder)),
        vectors=VectorLog(engine),
        task_states=TaskStates(engine),
        taxonomies=TaxonomyLog(engine),
        matches=MatchLog(engine),
        matching=Matching(known, MatchNow),
        unknown=UnknownList(engine),
        clusters=ClusterLog(engine),
        groups=GroupLog(engine),
        snapshots=settings.home / "snapshots",
        runs=settings.home / "runs",
        reports=ReportFolder(settings.home / "reports"),
        discoveries=DiscoveryFolder(settings.home / "discoveries"),
        engine=engine,
    )


def _make_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PayloadError("LOOP_HOME", "a folder that can be made and written", f"{home}: {error.strerror}") from error


def _limits(settings: Settings) -> ImageLimits:
    return ImageLimits(
        bytes=settings.image_bytes,
        pixels=settings.image_pixels,
        seconds=settings.image_seconds,
        allow_private_addresses=settings.allow_private_addresses,
    )


def _policies(settings: Settings) -> Policies:
    return Policies(
        retrain=RetrainPolicy(settings.retrain_after, settings.cool_down),
        dataset=DatasetPolicy(
            held_out_share=settings.held_out_share,
            group_field=settings.group_field,
            twin_bits=settings.twin_bits,
            twin_cosine=settings.twin_cosine,
            selection=SelectionPolicy(settings.replay_share, settings.background_share),
        ),
        thresholds=Thresholds(settings.score_floor, settings.score_threshold),
        audit=AuditPolicy(settings.audit_share),
        gate=GatePolicy(
            confidence=settings.gate_confidence,
            class_drop=settings.gate_class_drop,
            latency_ratio=settings.gate_latency_ratio,
            least_images=settings.gate_images,
            least_boxes=settings.gate_boxes,
        ),
        training=TrainingPolicy(
            epochs=settings.epochs,
            batch=settings.batch,
            device=settings.device,
            freeze=settings.freeze,
        ),
        image_size=settings.image_size,
        cohort_field=settings.cohort_field,
        is_spread=settings.spread,
        match_seconds=settings.match_seconds,
        keep_predictions=settings.keep_predictions,
    )
