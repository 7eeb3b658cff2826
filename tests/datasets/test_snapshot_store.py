"""Snapshots that one machine makes and another one trains on, with nothing in common but a store."""

import os
import time
from datetime import UTC, datetime, timedelta

import pytest

from loop.datasets import folder as dataset_folder
from loop.datasets.assemble import assemble_verified
from loop.datasets.snapshot_store import SnapshotStore
from loop.errors import PoisonedSnapshot
from loop.registry.store import VersionFacts
from loop.settings import Settings
from loop.storage.file_store import FileStore
from loop.training.tidy import remove_stored_snapshots

SOON = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def settings(settings, tmp_path):
    """Settings with a store in a folder."""
    return Settings.read({**settings.environment(), "LOOP_STORE": f"file://{tmp_path}/store"})


@pytest.fixture
def snapshot(rooms, reviewed):
    """A snapshot of ten tasks, made on the first machine."""
    rooms.trainings.files.write_mark("ours")
    for task in range(1, 11):
        reviewed(task)
    return assemble_verified(rooms.datasets, 1, list)


@pytest.fixture
def stored(tmp_path):
    return tmp_path / "store/snapshots/1"


@pytest.fixture
def elsewhere(settings, tmp_path):
    """The snapshots of a machine with a LOOP_HOME of its own."""
    return SnapshotStore(tmp_path / "else/snapshots", FileStore(tmp_path / "else", settings.store))


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_snapshot_of_one_machine_is_whole_on_another(snapshot, elsewhere):
    brought = elsewhere.read(1, snapshot.hash)

    dataset_folder.verify(brought)
    assert content(brought.folder) == content(snapshot.folder)
    assert brought.folder != snapshot.folder
    assert elsewhere.read(1, snapshot.hash) == brought
    assert elsewhere.read(1, "0" * 64) is None


def test_its_items_are_read_without_its_images(snapshot, elsewhere):
    listed = elsewhere.read_list(1, snapshot.hash)

    assert list(listed.items()) == list(snapshot.items())
    assert not (listed.folder / "images").exists()
    assert elsewhere.find_newest(1) == elsewhere.read(1, snapshot.hash)


def test_an_image_is_in_the_store_once_for_all_snapshots(rooms, snapshot, reviewed, stored, elsewhere):
    before = {path: path.stat().st_mtime_ns for path in stored.glob(".images/*/*")}
    for task in range(11, 16):
        reviewed(task)

    second = assemble_verified(rooms.datasets, 1, list)

    after = {path: path.stat().st_mtime_ns for path in stored.glob(".images/*/*")}
    assert (len(before), len(after)) == (10, 15)
    assert before.items() <= after.items()
    assert elsewhere.find_newest(1).hash == second.hash
    assert elsewhere.find_newest(1, snapshot.hash[:8]).hash == snapshot.hash


def test_killed_before_the_archive_no_snapshot_is_visible_and_the_next_put_makes_it(rooms, snapshot, elsewhere, stored):
    next(stored.glob("*.tar.gz")).unlink()  # the archive comes last
    assert elsewhere.find_newest(1) is None
    assert elsewhere.read(1, snapshot.hash) is None

    assemble_verified(rooms.datasets, 1, list)

    assert elsewhere.read(1, snapshot.hash).hash == snapshot.hash


def test_a_damaged_image_or_archive_is_named_and_nothing_of_it_is_used(snapshot, elsewhere, stored, tmp_path):
    image = next(stored.glob(".images/*/*"))
    whole = image.read_bytes()
    image.write_bytes(b"cut off")
    with pytest.raises(PoisonedSnapshot, match=f"task .*{image.name} in LOOP_STORE .*damaged content"):
        elsewhere.read(1, snapshot.hash)
    image.unlink()
    with pytest.raises(PoisonedSnapshot, match="task "):
        elsewhere.read(1, snapshot.hash)

    image.write_bytes(whole)
    brought = elsewhere.read(1, snapshot.hash)

    assert brought.hash == snapshot.hash
    archive = next(stored.glob("*.tar.gz"))
    archive.write_bytes(archive.read_bytes()[:200])
    third = SnapshotStore(tmp_path / "third/snapshots", FileStore(tmp_path / "third", f"file://{tmp_path}/store"))
    with pytest.raises(PoisonedSnapshot, match="cannot be unpacked"):
        third.read(1, snapshot.hash)


def test_tidying_removes_what_nothing_needs_from_the_store(rooms, snapshot, reviewed, stored, settings):
    reviewed(11)
    kept = assemble_verified(rooms.datasets, 1, list)
    needed = rooms.datasets.snapshots.remove_old(1, {snapshot.hash[:16]}, SOON)
    assert needed == 0

    removed = rooms.datasets.snapshots.remove_old(1, set(), SOON)

    assert removed == 1
    assert [path.name for path in stored.glob("*.tar.gz")] == [f"{kept.hash[:16]}.tar.gz"]
    assert {path.stem for path in stored.glob(".images/*/*")} == {item.image for item in kept.items()}


def test_images_of_removed_snapshots_go_when_they_are_old(rooms, snapshot, stored):
    alone = stored / ".images/00" / f"{'0' * 64}.jpg"
    alone.parent.mkdir(exist_ok=True)
    alone.write_bytes(b"of a snapshot that is gone")
    os.utime(alone, (time.time() - 90_000, time.time() - 90_000))

    rooms.datasets.snapshots.remove_old(1, set(), datetime.now(UTC) - timedelta(days=1))

    assert not alone.exists()
    assert len(list(stored.glob(".images/*/*"))) == 10


def test_a_snapshot_that_a_version_came_from_stays_in_the_store(rooms, snapshot, reviewed, stored, tmp_path):
    (tmp_path / "some.pt").write_bytes(b"weights")
    rooms.registry.versions.add(1, tmp_path / "some.pt", VersionFacts(snapshot=snapshot.hash))
    reviewed(11)
    loose = assemble_verified(rooms.datasets, 1, list)
    reviewed(12)
    newest = assemble_verified(rooms.datasets, 1, list)

    removed = remove_stored_snapshots(rooms.trainings, 1, SOON)

    assert removed == 1
    names = {path.name.removesuffix(".tar.gz") for path in stored.glob("*.tar.gz")}
    assert names == {snapshot.hash[:16], newest.hash[:16]}
    assert loose.hash[:16] not in names


def test_without_a_store_nothing_is_copied(rooms, reviewed, settings, tmp_path):
    alone = SnapshotStore(settings.home / "snapshots", FileStore(settings.home))
    rooms.trainings.files.write_mark("ours")
    for task in range(1, 11):
        reviewed(task)
    snapshot = assemble_verified(rooms.datasets, 1, list)
    before = content(tmp_path / "store")

    alone.put(1, snapshot)

    assert alone.read(1, "0" * 64) is None
    assert alone.find_newest(1) == snapshot
    assert content(tmp_path / "store") == before
