"""Old versions lose their weights where a setting says so; none that may serve does."""

import os
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from loop.errors import MissingWeights
from loop.installation.backup import backup, restore
from loop.installation.tidy import tidy
from loop.registry.promote import pin, promote, roll_back
from loop.registry.transfer import export
from loop.storage.audit import AuditTrail
from loop.storage.tables import versions
from loop.training.version_rows import list_versions
from tests.builders import NOON
from tests.fakes import FreeQueue
from tests.swap import swap


@pytest.fixture
def rooms(rooms):
    return swap(rooms, (rooms.queue, FreeQueue()))


@pytest.fixture
def add(rooms, tmp_path):
    def add_version(content, number=None):
        (tmp_path / "w.pt").write_bytes(content.encode())
        version = rooms.registry.versions.add(1, tmp_path / "w.pt", number=number)
        os.utime(version.weights, (0, 0))  # as old as a version that is replaced
        return version.name

    return add_version


def tidy_with(rooms, keep):
    retention = replace(rooms.installation.retention, weights=keep)
    return tidy(replace(rooms.installation, retention=retention))


def with_weights(rooms):
    versions = rooms.registry.versions.list(1)
    for version in versions:
        assert version.weights.is_file() == version.has_weights
    return {version.name for version in versions if version.has_weights}


def test_all_weights_stay_by_default(rooms, add):
    names = {add(content) for content in "abcde"}

    assert tidy(rooms.installation).endswith("weights 0")

    assert with_weights(rooms) == names


def test_versions_that_may_serve_and_the_newest_keep_their_weights(rooms, add):
    start, before, champion = add("start", "0.0.0"), add("a"), add("b")
    old, shadow, same, newest = add("c"), add("d"), add("newest"), add("newest")
    for name in (before, champion):
        rooms.registry.versions.promote(1, name, "better")
    rooms.studio.projects.set_shadow(1, shadow, 0.1, is_shown=False)

    assert tidy_with(rooms, 1).endswith("weights 2")

    assert with_weights(rooms) == {start, before, champion, shadow, newest}
    assert tidy_with(rooms, 1).endswith("weights 0")
    assert {change.before for change in AuditTrail(rooms.engine).read() if change.kind == "weights"} == {old, same}


def test_the_version_registered_last_is_the_newest_also_where_the_clock_went_back(rooms, add):
    names = [add(content) for content in "abc"]
    ahead = sa.update(versions).where(versions.c.name == names[0]).values(created_at=NOON + timedelta(days=10_000))
    with rooms.engine.begin() as connection:
        connection.execute(ahead)

    assert tidy_with(rooms, 1).endswith("weights 2")

    assert with_weights(rooms) == {names[2]}
    assert list_versions(rooms.trainings, 1).names == tuple(reversed(names))


def test_after_a_rollback_the_way_back_is_open(rooms, add):
    first, second, _ = (add(content) for content in "abc")
    for name in (first, second):
        rooms.registry.versions.promote(1, name, "better")

    for _ in range(3):
        tidy_with(rooms, 1)
        roll_back(rooms.registry, 1, "a test")

    assert rooms.registry.versions.champion(1).name == first


@pytest.mark.parametrize("act", [promote, pin], ids=["promote", "pin"])
def test_a_version_without_weights_is_told_plainly_and_never_serves(rooms, add, tmp_path, act):
    old, _ = add("a"), add("b")
    tidy_with(rooms, 1)

    message = rf"{old}: its weights were removed \(LOOP_KEEP_WEIGHTS\)"
    with pytest.raises(MissingWeights, match=message):
        act(rooms.registry, 1, old, "a test")
    with pytest.raises(MissingWeights, match=message):
        rooms.registry.versions.promote(1, old, "its weights went after they were loaded")
    with pytest.raises(MissingWeights, match=message):
        export(rooms.registry, 1, old, tmp_path / "old.zip")

    assert rooms.registry.versions.champion(1) is None


@pytest.mark.parametrize("is_open", [True, False], ids=["open-training", "busy"])
def test_no_weights_go_while_a_training_runs(rooms, add, is_open):
    names = {add("a"), add("b")}
    if is_open:
        rooms.trainings.store.ask(1, "a person")
    else:
        rooms.queue.busy = ("retrain-1",)

    assert tidy_with(rooms, 1).endswith("weights 0")

    assert with_weights(rooms) == names


@pytest.mark.sqlite
def test_a_backup_has_the_weights_that_are_left(rooms, settings, add, tmp_path):
    add("a"), add("b")
    tidy_with(rooms, 1)

    line = backup(settings.home, settings.database, tmp_path / "loop.tar.gz")
    restore(tmp_path / "new", tmp_path / "loop.tar.gz")

    assert "lost" not in line
    assert len(list((tmp_path / "new" / "weights").rglob("*.pt"))) == 1
