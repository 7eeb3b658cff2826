"""Fixtures of the tests of trainings."""

from dataclasses import replace

import pytest

from tests.swap import swap
from tests.training.builders import ready, review_tasks
from tests.training.fakes import Measuring


@pytest.fixture
def asked(rooms):
    """A project with eight reviews and a training asked for, whose epochs are over."""
    gate = replace(rooms.gate.policy, least_images=0, least_boxes=0)
    measuring = Measuring()
    rooms = swap(
        rooms, (rooms.registry.detectors, measuring), (rooms.gate.evaluator, measuring), (rooms.gate.policy, gate)
    )
    review_tasks(rooms, range(1, 9))
    ready(rooms, rooms.trainings.store.ask(1, "by hand"))
    return rooms
