"""Projects that are pinned to a version."""

import pytest

from loop.errors import Pinned, UnknownVersion
from loop.regions import Box
from loop.registry.promote import pin, promote, promote_unless_pinned, roll_back, unpin
from loop.serving.refresh import refresh
from tests.builders import ls_task
from tests.fakes import FakeDetectors, FakeImages
from tests.registry.fakes import Choosy
from tests.swap import swap

CAR = (Box(0, 0, 0.5, 0.5), "car", 0.9)


OLD, NEW = "yolo_detector@1.0.0", "yolo_detector@1.1.0"


OLD, NEW = "yolo_detector@1.0.0", "yolo_detector@1.1.0"


@pytest.fixture
def weights(tmp_path):
    def make(content=b"weights"):
        path = tmp_path / "some.pt"
        path.write_bytes(content)
        return path

    return make


@pytest.fixture
def rooms(rooms, weights):
    """A project with two versions, the newer of which serves, and three open tasks."""
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, weights(b"old")).name, "first")
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, weights(b"new")).name, "better")
    studio = Choosy([ls_task(n) for n in range(1, 4)])
    ready = swap(
        rooms,
        (rooms.studio.client, studio),
        (rooms.registry.detectors, FakeDetectors(CAR)),
        (rooms.vision.images, FakeImages()),
    )
    refresh(ready.serving, 1)
    return ready


@pytest.fixture
def third(rooms, weights):
    """A candidate that never served."""
    return rooms.registry.versions.add(1, weights(b"third")).name


def test_a_pinned_project_stays_whatever_the_gate_says(rooms, third):
    pin(rooms.registry, 1, OLD, "a test")

    kept_out = promote_unless_pinned(rooms.registry, 1, third, "better")

    assert str(kept_out) == f"project 1 is pinned to {OLD}: run `loop models unpin --project 1` first"
    assert rooms.registry.versions.champion(1).name == OLD
    assert rooms.studio.projects.get(1).pinned == OLD


def test_a_pinned_project_is_not_moved_by_hand_either(rooms):
    pin(rooms.registry, 1, OLD, "a test")

    with pytest.raises(Pinned):
        promote(rooms.registry, 1, NEW, "a test")
    with pytest.raises(Pinned):
        roll_back(rooms.registry, 1, "a test")
    promote(rooms.registry, 1, OLD, "it serves already")


def test_an_unpinned_project_is_moved_again(rooms, third):
    pin(rooms.registry, 1, OLD, "a test")

    assert unpin(rooms.registry, 1) == OLD
    assert promote_unless_pinned(rooms.registry, 1, third, "better") is None
    assert rooms.registry.versions.champion(1).name == third
    assert unpin(rooms.registry, 1) is None


def test_a_pin_can_be_moved_and_needs_a_version(rooms):
    pin(rooms.registry, 1, OLD, "a test")
    pin(rooms.registry, 1, NEW, "a test")

    with pytest.raises(UnknownVersion):
        pin(rooms.registry, 1, "9.9.9", "a test")
    assert rooms.studio.projects.get(1).pinned == rooms.registry.versions.champion(1).name == NEW
