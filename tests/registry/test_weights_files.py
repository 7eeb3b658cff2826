"""The files of weights, on machines that have nothing in common but the records and a store."""

import os
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from loop.errors import DamagedWeights, MissingWeights, StoreDown
from loop.registry.store import WeightsRegistry
from loop.registry.weights_files import WeightsFiles
from loop.settings import Settings
from loop.storage.file_store import FileStore
from loop.wiring import build
from tests.builders import CONFIG
from tests.registry.fakes import Deadly, killed_in


@pytest.fixture
def settings(settings, tmp_path):
    """Settings with a store in a folder."""
    return Settings.read({**settings.environment(), "LOOP_STORE": f"file://{tmp_path}/store"})


@pytest.fixture
def rooms(rooms):
    rooms.trainings.files.write_mark("ours")
    return rooms


@pytest.fixture
def elsewhere(rooms, settings, tmp_path):
    """The registry of a machine with a LOOP_HOME of its own."""
    files = WeightsFiles(tmp_path / "else/weights", FileStore(tmp_path / "else", settings.store))
    return WeightsRegistry(rooms.engine, files, settings.model_name)


@pytest.fixture
def stored(tmp_path):
    """The files of weights in the store."""
    return lambda: sorted((tmp_path / "store").glob("weights/*/*"))


def age(path):
    os.utime(path, (time.time() - 90_000, time.time() - 90_000))


def add_and_die(path, own):
    versions = own.registry.versions
    WeightsRegistry(Deadly(own.engine, "begin"), versions.files, versions.model_name).add(1, path)


def test_weights_that_one_machine_added_serve_on_another(rooms, elsewhere, weights):
    rooms.registry.versions.add(1, weights(b"first"))

    version = elsewhere.get(1, "1.0.0")
    elsewhere.verify(version)

    assert version.weights.read_bytes() == b"first"
    assert elsewhere.bring(version) == version.weights


def test_a_damaged_copy_is_replaced_from_the_store(rooms, elsewhere, weights):
    rooms.registry.versions.add(1, weights(b"first"))
    version = elsewhere.get(1, "1.0.0")
    elsewhere.bring(version).write_bytes(b"cut off")

    elsewhere.verify(version)

    assert version.weights.read_bytes() == b"first"


def test_weights_that_are_damaged_in_the_store_are_refused(rooms, elsewhere, weights, stored):
    rooms.registry.versions.add(1, weights(b"first"))
    version = elsewhere.get(1, "1.0.0")
    stored()[0].write_bytes(b"changed by somebody")

    with pytest.raises(DamagedWeights, match=r"LOOP_STORE .*damaged content"):
        elsewhere.verify(version)

    assert not version.weights.exists()


def test_weights_that_the_store_lacks_are_called_missing(rooms, elsewhere, weights, stored):
    rooms.registry.versions.add(1, weights(b"first"))
    stored()[0].unlink()

    with pytest.raises(MissingWeights):
        elsewhere.verify(elsewhere.get(1, "1.0.0"))


def test_killed_between_store_and_row_nothing_is_registered_and_tidying_removes_the_file(
    rooms, settings, weights, stored, monkeypatch
):
    kept = rooms.registry.versions.add(1, weights(b"first"))
    killed_in(settings, partial(add_and_die, weights(b"second")))
    assert [version.name for version in rooms.registry.versions.list(1)] == [kept.name]
    assert len(stored()) == 2
    assert rooms.registry.tidy(1) == 0  # somebody may be about to write the row
    monkeypatch.setattr("loop.registry.weights_files.ABANDONED", timedelta(0))

    removed = rooms.registry.tidy(1)

    assert removed == 1
    assert [path.name for path in stored()] == [kept.weights.name]
    assert kept.weights.exists()


def test_tidying_one_machine_leaves_what_another_has_just_put(rooms, elsewhere, weights, stored):
    left_by_a_crash = rooms.registry.versions.files.add(1, weights(b"same"), None)
    age(left_by_a_crash)
    age(stored()[0])
    elsewhere.files.add(1, weights(b"same"), None)  # its row comes in a moment

    rooms.registry.tidy(1)

    assert not left_by_a_crash.exists()
    assert len(stored()) == 1


def test_nothing_is_registered_where_the_store_does_not_take_the_weights(rooms, settings, weights, tmp_path):
    (tmp_path / "store" / "installation.id").unlink()

    with pytest.raises(StoreDown):
        rooms.registry.versions.add(1, weights(b"first"))

    assert rooms.registry.versions.list(1) == []


def test_two_machines_that_add_the_same_weights_share_a_file(rooms, elsewhere, weights, stored):
    rooms.registry.versions.add(1, weights(b"same"))
    elsewhere.add(1, weights(b"same"))

    assert len(stored()) == 1
    assert len({version.sha256 for version in elsewhere.list(1)}) == 1


def test_without_a_store_a_damaged_file_stays_as_it_is(settings, weights):
    own = Settings.read({**settings.environment(), "LOOP_STORE": ""})
    with closing(build(own, migrate=True)) as rooms:
        rooms.studio.projects.save(1, "Cars", CONFIG)
        version = rooms.registry.versions.add(1, weights(b"first"))
        version.weights.write_bytes(b"damaged")

        with pytest.raises(DamagedWeights):
            rooms.registry.versions.verify(version)


def test_the_time_of_a_file_in_the_store_is_that_of_the_last_put(rooms, weights):
    version = rooms.registry.versions.add(1, weights(b"first"))

    times = rooms.trainings.files.list(version.weights.parent)

    assert abs(datetime.now(UTC) - times[version.weights]) < timedelta(minutes=1)
