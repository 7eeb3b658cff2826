"""The app over real records and a model of Label Studio."""

import shutil
from dataclasses import replace

import pytest

from backend.app import create_app
from loop.settings import Settings
from loop.training.after_reviews import review
from tests.backend.builders import CAR, bulk, create
from tests.builders import CONFIG, region, served
from tests.fakes import FakeImages, FakeQueue
from tests.reviews.bulk.fakes import BulkStudio


@pytest.fixture
def app(tmp_path, empty_records):
    (tmp_path / "home").mkdir()
    shutil.copy(empty_records, tmp_path / "home")
    settings = Settings.read(
        {"LOOP_HOME": str(tmp_path / "home"), "BASIC_AUTH_USER": "user", "BASIC_AUTH_PASS": "pass"}
    )
    app = create_app(settings)
    built = app.extensions["parts"]
    built.projects.save(1, "Cars", CONFIG)
    app.extensions["parts"] = replace(
        built, queue=FakeQueue(), images=FakeImages(broken=[4]), label_studio=BulkStudio(4)
    )
    yield app
    built.close()


@pytest.fixture
def parts(app):
    return app.extensions["parts"]


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def judged(client, parts):
    """Three tasks reviewed in bulk, each with a confirmed box and a deleted one."""
    for task in (1, 2, 3):
        parts.predictions.append([served(region(f"p{task}"), region(f"q{task}"), task=task)])
        bulk(client, create(task, regions=[{**CAR, "id": f"p{task}"}], actor=f"bot-{task}"))
    for event in parts.label_studio.sent:
        parts.events.append(1, event["action"], event)
    review(parts, 1)
    return client
