"""Settings to built adapters: the one place where the parts are put together."""

from __future__ import annotations

from loop import database
from loop.dataset_folder import ImageCache
from loop.detector import Detectors
from loop.door import Door
from loop.embedders import Embedders
from loop.event_log import EventLog
from loop.images import ImageLimits, Images
from loop.ls_client import LabelStudio
from loop.outbox import Outbox
from loop.parts import Parts, Policies
from loop.predict import Thresholds
from loop.prediction_log import PredictionLog
from loop.priority import AuditPolicy
from loop.project_list import ProjectList
from loop.queue import JobQueue
from loop.references import References
from loop.registry import WeightsRegistry
from loop.review_log import ReviewLog
from loop.settings import Settings
from loop.task_states import TaskStates
from loop.trainer import TrainingPolicy
from loop.training_log import TrainingLog
from loop.vector_log import VectorLog


def build(settings: Settings | None = None, *, migrate: bool = False) -> Parts:
    """Build the parts from *settings*, or from the environment; *migrate* brings the records up to date first."""
    settings = settings or Settings.read()
    settings.home.mkdir(parents=True, exist_ok=True)
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
        outbox=Outbox(engine, settings.receivers),
        predictions=PredictionLog(engine),
        reviews=ReviewLog(engine),
        projects=ProjectList(engine),
        trainings=TrainingLog(engine),
        registry=WeightsRegistry(engine, settings.home / "weights", settings.model_name),
        detectors=Detectors(settings.device, settings.image_size, settings.base_weights, settings.home / "base"),
        images=images,
        image_cache=ImageCache(settings.home / "images", images),
        embedders=Embedders(settings.embedder, device=settings.device, image_size=settings.image_size),
        references=References(settings.milvus),
        vectors=VectorLog(engine),
        task_states=TaskStates(engine),
        snapshots=settings.home / "snapshots",
        runs=settings.home / "runs",
        engine=engine,
    )


def _limits(settings: Settings) -> ImageLimits:
    return ImageLimits(
        bytes=settings.image_bytes,
        pixels=settings.image_pixels,
        seconds=settings.image_seconds,
        allow_private_addresses=settings.allow_private_addresses,
    )


def _policies(settings: Settings) -> Policies:
    return Policies(
        retrain_after=settings.retrain_after,
        held_out_share=settings.held_out_share,
        thresholds=Thresholds(settings.score_floor, settings.score_threshold),
        audit=AuditPolicy(settings.audit_share),
        training=TrainingPolicy(
            epochs=settings.epochs,
            batch=settings.batch,
            image_size=settings.image_size,
            device=settings.device,
            freeze=settings.freeze,
        ),
    )
