"""The faults of an installation with its records in PostgreSQL: nothing is lost, and everything goes on."""

import pytest

from tests.chaos import installation as installations
from tests.chaos.costs import SEED, in_order
from tests.chaos.play import play, reviewed_twice, wrong
from tests.chaos.postgres_faults import FAULTS
from tests.chaos.probe import probing

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1500)]
TASKS = 24


@pytest.fixture(scope="module")
def installation(postgres, tmp_path_factory):
    folder, url = tmp_path_factory.mktemp("chaos-postgresql"), postgres.make_database()
    with installations.running(folder, SEED, tasks=TASKS, LOOP_DATABASE_URL=url) as running:
        yield running
    postgres.drop_database(url)


@pytest.fixture(scope="module")
def probe(installation):
    with probing(installation) as probe:
        yield probe


@pytest.mark.parametrize("name", in_order(FAULTS))
def test_nothing_is_lost_and_everything_goes_on(postgres, installation, probe, costs, name):
    costs.record(name, play(installation, probe, FAULTS[name](postgres)))

    assert wrong(installation) == {}
    assert reviewed_twice(installation) == []
