"""A backup is whole, and for its owner alone, whatever happens beside it."""

import random
import shutil
import sqlite3
import tarfile
import threading
from contextlib import closing

import pytest

from loop.installation import backup as backups
from loop.installation.backup import backup, restore
from loop.storage.file_store import FileStore
from tests.builders import full_disk
from tests.installation.builders import meanwhile

pytestmark = pytest.mark.sqlite


def test_two_backups_to_the_same_place_at_once_leave_a_whole_one(home, settings, tmp_path):
    (home / "reports/1/b@1/large.html").write_bytes(random.Random(1).randbytes(20_000_000))
    target = tmp_path / "loop.tar.gz"
    others = [threading.Thread(target=backup, args=(home, settings.database, target)) for _ in range(3)]

    for other in others:
        other.start()
    for other in others:
        other.join()

    restore(tmp_path / "new", target)
    assert not list(tmp_path.glob(".backup*"))


def test_an_archive_is_not_written_into_a_file_that_somebody_put_in_its_place(home, settings, tmp_path):
    planted = tmp_path / "planted"
    for name in (".loop.tar.gz.half", "loop.tar.gz"):
        (tmp_path / name).symlink_to(planted)

    backup(home, settings.database, tmp_path / "loop.tar.gz")

    assert not planted.exists()


def test_a_dataset_that_is_removed_meanwhile_is_left_out(home, settings, tmp_path):
    def come_and_go():
        folder = home / "snapshots" / "1" / "4567"
        folder.mkdir()
        for number in range(50):
            (folder / f"{number}.txt").write_text("")
        folder.rename(home / "snapshots" / "1" / ".writing-4567")
        shutil.rmtree(home / "snapshots" / "1" / ".writing-4567")

    with meanwhile(come_and_go):
        for _ in range(20):
            backup(home, settings.database, tmp_path / "loop.tar.gz")

    restore(tmp_path / "new", tmp_path / "loop.tar.gz")


def test_weights_that_only_the_store_has_are_in_the_backup(home, settings, tmp_path):
    store = FileStore(home, f"file://{tmp_path}/store")
    store.write_mark("ours")
    weights = sorted(home.glob("weights/1/*.pt"))
    for path in weights:
        store.put(path)
        path.unlink()

    line = backup(home, settings.database, tmp_path / "loop.tar.gz", store)

    assert "lost before" not in line
    with tarfile.open(tmp_path / "loop.tar.gz") as tar:
        assert {f"weights/1/{path.name}" for path in weights} <= set(tar.getnames())


def test_weights_that_are_removed_meanwhile_are_named_and_all_others_are_in_the_backup(
    home, settings, tmp_path, monkeypatch
):
    old, *others = sorted(home.glob("weights/1/*.pt"))
    add = backups._add

    def add_after_tidying(tar, name, path):
        old.unlink(missing_ok=True)
        return add(tar, name, path)

    monkeypatch.setattr(backups, "_add", add_after_tidying)

    line = backup(home, settings.database, tmp_path / "loop.tar.gz")

    assert line.endswith(f"lost before, so not in it: {old}")
    restore(tmp_path / "new", tmp_path / "loop.tar.gz")
    assert [path.name for path in (tmp_path / "new/weights/1").iterdir()] == [path.name for path in others]


def test_records_that_are_not_upgraded_yet_can_be_backed_up(home, settings, tmp_path):
    with closing(sqlite3.connect(home / "loop.sqlite3")) as connection:
        connection.execute("DROP TABLE exports")

    line = backup(home, settings.database, tmp_path / "loop.tar.gz")

    assert "lost before" not in line


def test_a_full_disk_is_named_and_the_backup_before_stays(home, settings, tmp_path):
    target = tmp_path / "elsewhere" / "loop.tar.gz"
    target.parent.mkdir()
    target.write_bytes(b"the backup before")
    (home / "reports/1/b@1/large.html").write_bytes(random.Random(1).randbytes(2_000_000))

    with full_disk(1_000_000), pytest.raises(OSError, match=f"{target}"):
        backup(home, settings.database, target)

    assert [path.read_bytes() for path in target.parent.iterdir()] == [b"the backup before"]
