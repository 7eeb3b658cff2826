"""A day full of faults: no review is lost, every verdict is right, and every version can be read."""

from collections import Counter

import pytest

from loop.training.store import TrainingState
from tests.chaos import installation as installations
from tests.chaos.annotator import VERDICTS
from tests.chaos.costs import SEED, in_order
from tests.chaos.faults import FAULTS
from tests.chaos.play import play, reviewed_twice, wrong
from tests.chaos.probe import probing

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    with installations.running(tmp_path_factory.mktemp("chaos"), SEED) as running:
        yield running


@pytest.fixture(scope="module")
def probe(installation):
    with probing(installation) as probe:
        yield probe


@pytest.mark.parametrize("name", in_order(FAULTS))
def test_nothing_is_lost_and_everything_goes_on(installation, probe, costs, name):
    costs.record(name, play(installation, probe, FAULTS[name]))


def test_at_the_end_every_verdict_is_right_and_every_version_can_be_read(installation):
    assert wrong(installation) == {}
    assert sum(installation.annotator.decided.values(), Counter()).keys() == VERDICTS
    assert reviewed_twice(installation) == []
    versions = installation.rooms.registry.versions
    for version in versions.list(installation.project_id):
        version.verify()
    assert versions.champion(installation.project_id)
    trainings = installation.rooms.trainings.store.last(installation.project_id, 100)
    assert {training.state for training in trainings} <= {TrainingState.ENDED}
