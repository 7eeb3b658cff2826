"""Projects that are pinned to a version."""

import pytest

from loop.errors import Pinned, UnknownVersion
from loop.registry.promote import pin, promote, promote_unless_pinned, roll_back, unpin
from tests.registry.builders import serve_second_version

OLD, NEW = "yolo_detector@1.0.0", "yolo_detector@1.1.0"


@pytest.fixture
def rooms(rooms, weights):
    return serve_second_version(rooms, weights)


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

    assert unpin(rooms.registry, 1, "by hand") == OLD
    assert promote_unless_pinned(rooms.registry, 1, third, "better") is None
    assert rooms.registry.versions.champion(1).name == third
    assert unpin(rooms.registry, 1, "by hand") is None


def test_a_pin_can_be_moved_and_needs_a_version(rooms):
    pin(rooms.registry, 1, OLD, "a test")
    pin(rooms.registry, 1, NEW, "a test")

    with pytest.raises(UnknownVersion):
        pin(rooms.registry, 1, "9.9.9", "a test")
    assert rooms.studio.projects.get(1).pinned == rooms.registry.versions.champion(1).name == NEW
