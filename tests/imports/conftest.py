"""A project with a model of a Label Studio that takes imports."""

import pytest

from tests.imports.fakes import ImportingStudio
from tests.swap import swap


@pytest.fixture
def studio():
    return ImportingStudio()


@pytest.fixture
def importing(rooms, studio):
    return swap(rooms, (rooms.studio.client, studio))
