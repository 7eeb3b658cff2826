"""Ids of projects that a request invents: they are answered, and cost no memory."""

import pytest

from loop.label_studio.tasks import read_tasks
from loop.regions import Box
from loop.serving.predictor import Predictor
from tests.builders import CONFIG, ls_task
from tests.fakes import FakeDetectors, FakeImages
from tests.swap import swap

CAR = (Box(0.1, 0.1, 0.4, 0.4), "car", 0.9)


class Counting(FakeDetectors):
    """Has start weights, and counts what is loaded."""

    def __init__(self, base):
        super().__init__(CAR)
        self._base, self.loads = base, 0

    def base_if_here(self):
        return self._base

    def load(self, weights, framing=None):
        self.loads += 1
        return super().load(weights, framing)


@pytest.fixture
def detectors(tmp_path):
    (tmp_path / "base.pt").write_bytes(b"weights")
    return Counting(tmp_path / "base.pt")


@pytest.fixture
def predictor(rooms, detectors):
    ready = swap(rooms, (rooms.registry.detectors, detectors), (rooms.vision.images, FakeImages()))
    return Predictor(ready.serving)


def test_invented_projects_share_the_start_weights(predictor, detectors):
    answers = [predictor.predict(project, CONFIG, read_tasks([ls_task(1)])) for project in range(1000, 1040)]

    assert detectors.loads == 1
    assert all(len(answer[0].suggestion.shown) == 1 for answer in answers)
    assert not any(predictor.has_own(project) for project in range(1000, 1040))


def test_a_project_that_is_connected_later_gets_its_own(predictor, rooms):
    predictor.predict(1000, CONFIG, read_tasks([ls_task(1)]))
    rooms.studio.projects.save(1000, "Late", CONFIG)

    predictor.predict(1000, CONFIG, read_tasks([ls_task(1)]))

    assert predictor.has_own(1000)


def test_a_champion_serves_its_project_whether_it_is_connected_or_not(predictor, rooms, tmp_path):
    version = rooms.registry.versions.add(1000, tmp_path / "base.pt")
    rooms.registry.versions.promote(1000, version.name, "a test")

    (answer,) = predictor.predict(1000, CONFIG, read_tasks([ls_task(1)]))

    assert answer.prediction.version == version.name
