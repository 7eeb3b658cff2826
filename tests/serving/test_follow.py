"""Web processes that nobody asks come to the champion too."""

import time
from contextlib import closing

import pytest

from loop.errors import WeightsRefused
from loop.regions import Box
from loop.registry.store import FIRST
from loop.serving.predictor import Predictor
from tests.builders import CONFIG
from tests.fakes import FakeDetectors, FakeImages
from tests.services import until
from tests.swap import swap


class Loading(FakeDetectors):
    """Remembers the weights that were loaded; broken ones are refused."""

    def __init__(self):
        super().__init__((Box(0.1, 0.1, 0.4, 0.4), "car", 0.9))
        self.loaded = []

    def load(self, weights, framing=None):
        self.loaded.append(weights.read_bytes())
        if weights.read_bytes() == b"broken":
            raise WeightsRefused("a file", "damaged", "copy it again")
        return super().load(weights, framing)


class Down:
    """A registry that does not say what serves."""

    def __init__(self, moves):
        self._moves, self.is_down, self.asked = moves, True, 0

    def champion_names(self):
        self.asked += 1
        if self.is_down:
            raise OSError("no records")
        return self._moves.champion_names()

    def __getattr__(self, name):
        return getattr(self._moves, name)


@pytest.fixture
def detectors():
    return Loading()


@pytest.fixture
def ready(rooms, detectors):
    return swap(rooms, (rooms.registry.detectors, detectors), (rooms.vision.images, FakeImages()))


@pytest.fixture
def predictor(ready):
    predictor = Predictor(ready.serving)
    with closing(predictor):
        yield predictor


def promote(rooms, tmp_path, content, project=1):
    file = tmp_path / "some.pt"
    file.write_bytes(content)
    return rooms.registry.versions.promote(project, rooms.registry.versions.add(project, file).name, "a test").name


def test_a_new_champion_is_in_memory_before_anybody_asks(ready, tmp_path, detectors, predictor):
    promote(ready, tmp_path, b"first")
    predictor.warm_up()
    until(predictor.is_warm, 10)
    predictor.follow(0.05)

    promote(ready, tmp_path, b"second")

    until(lambda: detectors.loaded == [b"first", b"second"], 10)


def test_the_champion_of_a_project_that_was_connected_since_is_too(ready, tmp_path, detectors, predictor):
    predictor.warm_up()
    until(predictor.is_warm, 10)
    detectors.loaded.clear()
    predictor.follow(0.05)

    ready.studio.projects.save(2, "Boats", CONFIG)
    promote(ready, tmp_path, b"of boats", 2)

    until(lambda: detectors.loaded == [b"of boats"], 10)


def test_a_broken_champion_is_warm_and_is_not_tried_again_and_again(ready, tmp_path, detectors, predictor):
    name = promote(ready, tmp_path, b"broken")
    predictor.warm_up()
    until(predictor.is_warm, 10)

    predictor.follow(0.02)
    time.sleep(0.3)

    assert detectors.loaded == [b"broken"]
    assert predictor.current(1).version == name


def test_records_that_are_down_are_told_once_and_end_nothing(ready, tmp_path, detectors, caplog):
    records = Down(ready.registry.moves)
    with closing(Predictor(swap(ready, (ready.registry.moves, records)).serving)) as predictor:
        predictor.follow(0.02)
        until(lambda: records.asked > 5, 10)
        promote(ready, tmp_path, b"first")

        records.is_down = False

        until(lambda: detectors.loaded == [b"first"], 10)
    assert caplog.text.count("no records") == 1


def test_start_weights_that_are_registered_later_are_loaded_as_the_version_that_they_are(
    ready, tmp_path, detectors, predictor
):
    assert predictor.current(1).detector is None  # connected without a network: there were no start weights
    file = tmp_path / "start.pt"
    file.write_bytes(b"start")
    version = ready.registry.versions.add(1, file, number=FIRST)
    assert predictor.current(1).version == version.name
    ready.registry.versions.promote(1, version.name, "a test")

    predictor.follow(0.05)

    until(lambda: predictor.current(1).detector, 10)
    time.sleep(0.2)
    assert detectors.loaded == [b"start"]
