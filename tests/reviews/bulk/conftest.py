"""A project with a model of its Label Studio."""

import pytest

from loop.rooms import swap
from tests.reviews.bulk.fakes import BulkStudio


@pytest.fixture
def studio(rooms):
    return BulkStudio(4)


@pytest.fixture
def loop(rooms, studio):
    return swap(rooms, (rooms.studio.client, studio))
