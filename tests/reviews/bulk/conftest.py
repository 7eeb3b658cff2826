"""A project with a model of its Label Studio."""

import pytest

from tests.reviews.bulk.fakes import BulkStudio
from tests.swap import swap


@pytest.fixture
def studio(rooms):
    return BulkStudio(4)


@pytest.fixture
def loop(rooms, studio):
    return swap(rooms, (rooms.studio.client, studio))
