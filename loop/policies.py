"""The policies of the rooms, and the machine that they are on, read from the settings."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy import Engine

from loop.access.hosts import OwnHosts
from loop.access.logins import Login, Logins
from loop.access.room import AccessRoom
from loop.access.sign_ins import SignIns
from loop.access.tokens import TokenStore
from loop.datasets.room import DatasetPolicy
from loop.datasets.selection import SelectionPolicy
from loop.datasets.tiled.policy import TilePolicy
from loop.errors import StoreDown
from loop.gate.report_store import ReportStore
from loop.gate.rule import GatePolicy
from loop.installation.machine import Machine
from loop.installation.memory import machine_bytes, web_processes
from loop.installation.room import RetentionPolicy
from loop.label_studio.classes import spread_over_names
from loop.label_studio.projects import ClassStore
from loop.registry.detectors import Detectors
from loop.serving.queue_order import AuditPolicy, QueueOrder, Ranking
from loop.serving.room import ServingPolicy
from loop.settings import Settings
from loop.storage.file_store import FileStore
from loop.storage.installation_store import InstallationStore
from loop.storage.keys import DerivedSecrets
from loop.training.trainer import TrainingPolicy
from loop.vision.cpu.tuning import read_tuning
from loop.vision.embedders import NONE, Embedders
from loop.vision.images import ImageLimits
from loop.vision.ultralytics_weights import IMAGE_SIZE

LOOK_AGAIN = 60.0  # seconds until the report of a version that had none is looked for again
LEAST_MEMORY = 256 * 2**20  # bytes for images in a process, however small the machine is


def access_room(settings: Settings, secrets: DerivedSecrets, engine: Engine) -> AccessRoom:
    """Who may call the backend."""
    own = Login(settings.basic_auth_user, settings.basic_auth_pass) if settings.basic_auth_user else None
    hosts = OwnHosts.of(settings.host, settings.backend_url)
    return AccessRoom(
        Logins(secrets, own), TokenStore(engine), SignIns(InstallationStore(engine)), hosts, settings.host
    )


def image_memory(settings: Settings) -> int:
    """Bytes of images and requests in one process at a time; by default all processes share a quarter of the memory."""
    memory = machine_bytes()
    processes = (settings.web_workers or web_processes(memory)) + settings.default_workers + 1
    return settings.image_memory or max(LEAST_MEMORY, memory // 4 // processes)


def image_limits(settings: Settings) -> ImageLimits:
    """Limits of an image that is fetched."""
    return ImageLimits(
        bytes=settings.image_bytes,
        pixels=settings.image_pixels,
        seconds=settings.image_seconds,
        allow_private_addresses=settings.allow_private_addresses,
    )


def dataset_policy(settings: Settings) -> DatasetPolicy:
    """Which images a dataset holds, and which of them are near-duplicates."""
    return DatasetPolicy(
        held_out_share=settings.held_out_share,
        group_field=settings.group_field,
        twin_bits=settings.twin_bits,
        twin_cosine=settings.twin_cosine,
        selection=SelectionPolicy(settings.replay_share, settings.background_share),
        tiles=TilePolicy(settings.tile, settings.tile_overlap),
        trains_on_accepted=settings.train_on_accepted,
    )


def gate_policy(settings: Settings) -> GatePolicy:
    """The conditions for a candidate to serve."""
    return GatePolicy(
        confidence=settings.gate_confidence,
        class_drop=settings.gate_class_drop,
        latency_ratio=settings.gate_latency_ratio,
        least_images=settings.gate_images,
        least_boxes=settings.gate_boxes,
    )


def detectors(settings: Settings) -> Detectors:
    """Detectors by the settings, and as `loop tune` chose for this machine."""
    downloads, tuning = settings.home / "base", read_tuning(settings.home)
    return Detectors(
        *(settings.device, settings.image_size, settings.base_weights, downloads),
        train=settings.train_weights,
        prompts=settings.prompts,
        tuning=tuning,
        export=settings.export,
    )


def embedders(settings: Settings, facts: InstallationStore) -> Embedders:
    """The embedder of the settings, or the one that an older installation has by default."""
    size, towers = settings.image_size or IMAGE_SIZE, settings.home / "towers"
    return Embedders(settings.embedder, settings.device, size, towers, recorded=facts.embedder)


def training_policy(settings: Settings) -> TrainingPolicy:
    """How a training runs."""
    return TrainingPolicy(
        epochs=settings.epochs,
        batch=settings.batch,
        device=settings.device,
        freeze=settings.freeze,
        least_steps=settings.least_steps,
    )


def serving_policy(settings: Settings) -> ServingPolicy:
    """Which tasks are audits, how the queue is ordered, and how long predictions stay in Label Studio."""
    return ServingPolicy(AuditPolicy(settings.audit_share), settings.spread, settings.keep_predictions)


def ranking(
    settings: Settings, files: FileStore, engine: Engine, clock: Callable[[], float] = time.monotonic
) -> Ranking:
    """Return how tasks are scored; the report of a version has the names that the classes had then."""
    reports, classes = ReportStore(settings.home / "reports", files), ClassStore(engine)
    known: dict[tuple[int, str], tuple[dict[str, float], float]] = {}

    def read_precisions(project_id: int, version: str) -> dict[str, float]:
        precisions, looked_at = known.get((project_id, version), ({}, -math.inf))
        if not precisions and clock() - looked_at >= LOOK_AGAIN:
            with suppress(StoreDown):  # a task is scored without them as well
                precisions = reports.read_class_precisions(project_id, version)
            known[project_id, version] = precisions, clock()
        return spread_over_names(precisions, classes.synonyms(project_id))

    return Ranking(QueueOrder(settings.queue_order), read_precisions)


def machine(
    settings: Settings,
    engine: Engine,
    facts: InstallationStore,
    keys: DerivedSecrets,
    files: FileStore,
    answers: Callable[[], bool],
) -> Machine:
    """Return this machine as a member of the installation; *answers* asks Milvus."""
    return Machine(
        engine=engine,
        facts=facts,
        keys=keys,
        home=settings.home,
        files=files,
        is_shared=bool(settings.database_url),
        milvus=settings.milvus_uri,
        embedder=None if settings.embedder == NONE else settings.embedder,
        answers=answers,
    )


def retention_policy(settings: Settings) -> RetentionPolicy:
    """How long what grows stays."""
    return RetentionPolicy(
        events=settings.event_days,
        notices=settings.notice_days,
        predictions=settings.prediction_days,
        runs=settings.run_days,
        snapshots=settings.snapshot_days,
        images=settings.image_days,
        weights=settings.keep_weights,
    )
