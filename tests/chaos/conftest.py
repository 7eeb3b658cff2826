"""What the faults cost, of all modules in one file; and a umask that closes what the tests' own rooms make."""

import os

import pytest

from tests.chaos import faults, postgres_faults
from tests.chaos.costs import Costs


@pytest.fixture(scope="session")
def costs():
    return Costs([*faults.FAULTS, *postgres_faults.FAULTS])


@pytest.fixture(autouse=True)
def umask():
    """Rooms of the whole module are built once, and close what they make; each test begins with that."""
    before = os.umask(0o077)
    yield
    os.umask(before)
