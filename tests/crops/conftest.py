"""Rooms whose boxes get vectors, with Milvus in memory."""

import pytest

from tests.references.fakes import FakeReferences
from tests.swap import swap
from tests.vision.fakes import FakeEmbedders


@pytest.fixture
def rooms(rooms):
    return swap(rooms, (rooms.vision.embedders, FakeEmbedders()), (rooms.references.milvus, FakeReferences()))
