"""A project whose open tasks wait for a prediction."""

import pytest

from loop.regions import Box
from tests.builders import ls_task
from tests.fakes import FakeDetectors, FakeImages, FakeLabelStudio
from tests.swap import swap


@pytest.fixture
def ready(rooms, tmp_path):
    """A project with a champion and five open tasks, one with a broken image."""
    (tmp_path / "some.pt").write_bytes(b"weights")
    rooms.registry.versions.promote(1, rooms.registry.versions.add(1, tmp_path / "some.pt").name, "first")
    tasks = [ls_task(n) for n in range(1, 6)]
    return swap(
        rooms,
        (rooms.registry.detectors, FakeDetectors((Box(0, 0, 0.5, 0.5), "car", 0.9))),
        (rooms.vision.images, FakeImages(broken=[3])),
        (rooms.studio.client, FakeLabelStudio(tasks)),
    )
