"""Settings to built adapters: the one place where the parts are put together."""

from __future__ import annotations

from pathlib import Path

from loop.adapters import database
from loop.adapters.class_list import ClassList
from loop.adapters.cluster_log import ClusterLog
from loop.adapters.courier import Courier
from loop.adapters.detectors import Detectors
from loop.adapters.discovery_folder import DiscoveryFolder
from loop.adapters.door import Door
from loop.adapters.embedders import Embedders
from loop.adapters.event_log import EventLog
from loop.adapters.group_log import GroupLog
from loop.adapters.image_cache import ImageCache
from loop.adapters.images import ImageLimits, Images
from loop.adapters.ls_client import LabelStudio
from loop.adapters.match_log import MatchLog
from loop.adapters.move_log import MoveLog
from loop.adapters.operation_log import OperationLog
from loop.adapters.outbox import Outbox
from loop.adapters.prediction_log import PredictionLog
from loop.adapters.project_list import ProjectList
from loop.adapters.queue import JobQueue
from loop.adapters.rate_log import RateLog
from loop.adapters.references import References
from loop.adapters.registry import WeightsRegistry
from loop.adapters.report_folder import ReportFolder
from loop.adapters.review_log import ReviewLog
from loop.adapters.set_aside import SetAsideStore
from loop.adapters.split_list import SplitList
from loop.adapters.task_states import TaskStates
from loop.adapters.taxonomy_log import TaxonomyLog
from loop.adapters.trainer import TrainingPolicy
from loop.adapters.training_log import TrainingLog
from loop.adapters.unknown_list import UnknownList
from loop.adapters.vector_log import VectorLog
from loop.adapters.verdict_log import VerdictLog
from loop.adapters.weights_loading import IMAGE_SIZE
from loop.adapters.whole_vectors import WholeVectors
from loop.decisions.gate import GatePolicy
from loop.decisions.predict import Thresholds
from loop.decisions.priority import AuditPolicy
from loop.decisions.retrain_policy import RetrainPolicy
from loop.decisions.selection import SelectionPolicy
from loop.errors import PayloadError
from loop.parts import DatasetPolicy, Parts, Policies
from loop.secrecy import guard
from loop.settings import Settings


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
    return Parts(
        policies=_policies(settings),
        door=Door(settings.backend_url, settings.basic_auth_user, settings.basic_auth_pass, settings.webhook_secret_of),
        label_studio=label_studio,
        queue=JobQueue(settings.redis),
        events=EventLog(engine),
        set_aside=SetAsideStore(engine),
        outbox=Outbox(engine, settings.receivers),
        courier=Courier(lambda: settings.notify_key),
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
        detectors=Detectors(settings.device, settings.image_size, settings.base_weights, settings.home / "base"),
        images=images,
        image_cache=ImageCache(settings.home / "images", images, settings.image_pixels),
        embedders=Embedders(settings.embedder, device=settings.device, image_size=settings.image_size or IMAGE_SIZE),
        references=References(settings.milvus),
        vectors=VectorLog(engine),
        task_states=TaskStates(engine),
        taxonomies=TaxonomyLog(engine),
        matches=MatchLog(engine),
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
