"""A backup is whole, and for its owner alone, whatever happens beside it."""

import random
import shutil
import tarfile
import threading

import pytest

from loop.installation.backup import backup, restore
from loop.storage.file_store import FileStore

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
    ended = threading.Event()

    def come_and_go():
        while not ended.is_set():
            folder = home / "snapshots" / "1" / "4567"
            folder.mkdir()
            for number in range(50):
                (folder / f"{number}.txt").write_text("")
            folder.rename(home / "snapshots" / "1" / ".writing-4567")
            shutil.rmtree(home / "snapshots" / "1" / ".writing-4567")

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        for _ in range(20):
            backup(home, settings.database, tmp_path / "loop.tar.gz")
    finally:
        ended.set()
        other.join()

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
