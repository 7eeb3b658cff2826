"""The app over real records and a model of Label Studio."""

import shutil

import pytest

from backend.app import create_app
from loop.settings import Settings
from loop.training.after_reviews import review
from tests.backend.builders import CAR, LOGIN, bulk, create
from tests.builders import CONFIG, region, served
from tests.fakes import FakeImages, FakeQueue
from tests.reviews.bulk.fakes import BulkStudio
from tests.swap import swap


@pytest.fixture
def app(tmp_path, empty_records, records):
    (tmp_path / "home").mkdir()
    if not records:
        shutil.copy(empty_records, tmp_path / "home")
    settings = Settings.read({"LOOP_HOME": str(tmp_path / "home"), **LOGIN, **records})
    app = create_app(settings)
    built = app.extensions["rooms"]
    built.studio.projects.save(1, "Cars", CONFIG)
    app.extensions["rooms"] = swap(
        built,
        (built.queue, FakeQueue()),
        (built.vision.images, FakeImages(broken=[4])),
        (built.studio.client, BulkStudio(4)),
    )
    yield app
    built.close()


@pytest.fixture
def rooms(app):
    return app.extensions["rooms"]


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def judged(client, rooms):
    """Three tasks reviewed in bulk, each with a confirmed box and a deleted one."""
    for task in (1, 2, 3):
        rooms.serving.predictions.append([served(region(f"p{task}"), region(f"q{task}"), task=task)])
        bulk(client, create(task, regions=[{**CAR, "id": f"p{task}"}], actor=f"bot-{task}"))
    for event in rooms.studio.client.sent:
        rooms.reviews.events.append(1, event["action"], event)
    review(rooms.trainings, 1)
    return client
