"""Installations for tests: one with nothing wrong, and the home of one at work."""

from datetime import UTC, datetime

import pytest

from loop.registry.store import VersionFacts
from loop.reviews.event_spool import ArrivedEvent, EventSpool
from loop.reviews.judging import judge_tasks
from loop.reviews.way_in import ensure_webhook
from loop.storage.home_folder import make_home
from loop.storage.keys import KEY_FILE
from tests.builders import region, review, served
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
    rooms.studio.projects.record_refresh(rooms.studio.projects.get(1), version.name)
    return healthy


@pytest.fixture
def home(rooms, settings, tmp_path):
    """An installation with two versions, a judged review, a report, a key, a dataset, images and two events."""
    home = settings.home
    make_home(home)
    for content in (b"old", b"new"):
        (tmp_path / "some.pt").write_bytes(content)
        version = rooms.registry.versions.add(1, tmp_path / "some.pt", VersionFacts(classes=("Car",)))
        rooms.registry.versions.promote(1, version.name, "better")
    rooms.serving.predictions.append([served(region("p"), version=version.name)])
    rooms.reviews.store.record(review(region("p")), {"image": "/data/upload/1/a.jpg"})
    judge_tasks(rooms.reviews, 1, [1])
    (home / KEY_FILE).write_text("ab" * 32)  # as an older version left it
    rooms.studio.backend.secret_of(1)
    rooms.reviews.events.append(1, "ANNOTATION_CREATED", {})
    EventSpool(home / "spool").add(ArrivedEvent("1", 1, "ANNOTATION_CREATED", {}, datetime.now(UTC)))
    for name in (
        *("reports/1/b@1/report.html", "snapshots/1/0123/items.jsonl", "snapshots/1/0123/images/train/1.jpg"),
        *("snapshots/1/.images/ab/ab.jpg", "images/abc/1.jpg", "milvus/data/LOCK", "logs/web.log"),
    ):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(name)
    return home
