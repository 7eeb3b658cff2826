"""What the faults cost, of all modules in one file."""

import pytest

from tests.chaos import faults, postgres_faults
from tests.chaos.costs import Costs


@pytest.fixture(scope="session")
def costs():
    return Costs([*faults.FAULTS, *postgres_faults.FAULTS])
