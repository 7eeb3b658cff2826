"""The policies of the rooms, read from the settings."""

from __future__ import annotations

from sqlalchemy import Engine

from loop.access.hosts import OwnHosts
from loop.access.logins import Login, Logins
from loop.access.room import AccessRoom
from loop.access.tokens import TokenStore
from loop.datasets.room import DatasetPolicy
from loop.datasets.selection import SelectionPolicy
from loop.gate.rule import GatePolicy
from loop.serving.queue_order import AuditPolicy
from loop.serving.room import ServingPolicy
from loop.settings import Settings
from loop.storage.key_file import DerivedSecrets
from loop.training.trainer import TrainingPolicy
from loop.vision.images import ImageLimits


def access_room(settings: Settings, secrets: DerivedSecrets, engine: Engine) -> AccessRoom:
    """Who may call the backend."""
    own = Login(settings.basic_auth_user, settings.basic_auth_pass) if settings.basic_auth_user else None
    hosts = OwnHosts.of(settings.host, settings.backend_url)
    return AccessRoom(Logins(secrets, own), TokenStore(engine), hosts, settings.host)


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


def training_policy(settings: Settings) -> TrainingPolicy:
    """How a training runs."""
    return TrainingPolicy(epochs=settings.epochs, batch=settings.batch, device=settings.device, freeze=settings.freeze)


def serving_policy(settings: Settings) -> ServingPolicy:
    """Which tasks are audits, how the queue is ordered, and how long predictions stay in Label Studio."""
    return ServingPolicy(AuditPolicy(settings.audit_share), settings.spread, settings.keep_predictions)
