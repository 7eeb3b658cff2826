"""Fixtures of the doctor's tests."""

import pytest

from loop.label_studio.webhook import ensure_webhook
from loop.registry.store import VersionFacts
from tests.fakes import FakeImages
from tests.installation.fakes import Answering, Queue, Studio
from tests.swap import swap


@pytest.fixture
def patient(rooms, tmp_path):
    """An installation with nothing wrong."""
    door = Answering(rooms.studio.backend)
    healthy = swap(
        rooms,
        (rooms.studio.backend, door),
        (rooms.studio.client, Studio(door)),
        (rooms.queue, Queue()),
        (rooms.vision.images, FakeImages()),
    )
    (tmp_path / "w.pt").write_bytes(b"weights")
    version = rooms.registry.versions.add(1, tmp_path / "w.pt", VersionFacts(classes=("Car", "Person")))
    rooms.registry.versions.promote(1, version.name, "first")
    ensure_webhook(healthy.studio, 1)
    return healthy
