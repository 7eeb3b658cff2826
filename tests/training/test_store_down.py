"""A training that meets a store that is down."""

import pytest

from loop.errors import StoreDown
from loop.settings import Settings
from loop.training.retrain import ATTEMPTS, retrain
from tests.swap import swap
from tests.training.builders import last, read_notices
from tests.training.fakes import Measuring


@pytest.fixture
def settings(settings, tmp_path):
    """Settings with a store in a folder."""
    return Settings.read({**settings.environment(), "LOOP_STORE": f"file://{tmp_path}/store"})


@pytest.fixture
def store(asked, tmp_path):
    asked.trainings.files.write_mark("ours")
    return tmp_path / "store"


def take_away(store):
    store.rename(store.with_name("away"))
    store.write_text("no folder")


def bring_back(store):
    store.unlink()
    store.with_name("away").rename(store)


class TakingAway(Measuring):
    """Measures, and meanwhile the store goes down."""

    def __init__(self, store):
        super().__init__()
        self._store = store

    def evaluate(self, weights, data, framing=None, *labels):
        measured = super().evaluate(weights, data, framing, *labels)
        if self._store.is_dir():
            take_away(self._store)
        return measured


@pytest.mark.parametrize("is_early", [True, False], ids=["before it begins", "before it is registered"])
def test_a_training_waits_for_a_store_that_is_down_and_ends_when_it_is_back(asked, store, is_early):
    if is_early:
        take_away(store)
    begun = swap(asked, (asked.gate.evaluator, TakingAway(store)))
    for _ in range(ATTEMPTS + 2):
        with pytest.raises(StoreDown):
            retrain(begun.trainings, 1)
    assert (last(asked).ended_at, asked.registry.versions.list(1)) == (None, [])
    bring_back(store)

    retrain(asked.trainings, 1)

    (version,) = asked.registry.versions.list(1)
    assert (last(asked).status, last(asked).version) == ("promoted", version.name)
    assert [kind for kind, _ in read_notices(asked)] == ["training.finished"]
    assert {path.relative_to(store).parts[0] for path in store.rglob("*")} == {
        *("installation.id", "reports", "snapshots", "weights"),
    }


def test_a_training_whose_start_weights_are_damaged_in_the_store_fails_and_says_so(asked, store, tmp_path):
    weights = tmp_path / "some.pt"
    weights.write_bytes(b"weights")
    champion = asked.registry.versions.add(1, weights)
    asked.registry.versions.promote(1, champion.name, "a test")
    (store / "weights/1" / champion.weights.name).write_bytes(b"changed by somebody")
    champion.weights.unlink()

    line = retrain(asked.trainings, 1)

    assert (last(asked).status, last(asked).ended_at is None) == ("failed", False)
    assert "damaged content" in line
