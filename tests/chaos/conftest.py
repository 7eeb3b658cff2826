"""What the faults cost, in one file."""

import pytest

from tests.chaos.costs import Costs
from tests.chaos.faults import FAULTS


@pytest.fixture(scope="session")
def costs():
    return Costs(FAULTS)
