"""Files that several writers write at once, or whose writer is killed."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from loop.errors import StoreDown
from loop.storage.file_store import MARK, FileStore
from loop.storage.files import copy_folder, copy_whole, is_full_disk, scratch_folder, write_whole
from tests.builders import full_disk

SIZE = 4_000_000  # bytes: a copy takes a while


def test_a_file_that_several_copy_to_at_once_is_always_a_whole_one(tmp_path):
    sources = [tmp_path / name for name in "abcd"]
    for source in sources:
        source.write_bytes(source.name.encode() * SIZE)
    target, together = tmp_path / "copies" / "weights.pt", threading.Barrier(len(sources))

    def copy(source):
        together.wait()
        for _ in range(10):
            copy_whole(source, target)
            content = target.read_bytes()
            assert content == content[:1] * SIZE

    with ThreadPoolExecutor(len(sources)) as pool:
        list(pool.map(copy, sources))

    assert [path.name for path in target.parent.iterdir()] == ["weights.pt"]


def test_a_full_disk_is_named_by_the_file_and_leaves_none(tmp_path):
    with full_disk(), pytest.raises(OSError, match=f"{tmp_path}/report.html"):
        write_whole(bytes(100_000), tmp_path / "report.html")

    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named_by_the_folder_that_is_written(tmp_path):
    with full_disk(), pytest.raises(OSError, match=f"'{tmp_path}'"), scratch_folder(tmp_path) as scratch:
        (scratch / "items.jsonl").write_bytes(bytes(100_000))

    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_copied_whole_or_ends_at_the_first_file_that_the_disk_does_not_take(tmp_path):
    for name in ("a/1.txt", "a/b/2.txt", "3.txt"):
        write_whole(bytes(100), tmp_path / "source" / name)

    copied = copy_folder(tmp_path / "source", tmp_path / "copy")

    assert {str(path.relative_to(copied)) for path in copied.rglob("*.txt")} == {"a/1.txt", "a/b/2.txt", "3.txt"}
    with full_disk(10), pytest.raises(OSError, match="File too large") as full:
        copy_folder(tmp_path / "source", tmp_path / "second")
    assert is_full_disk(full.value)
    assert full.value.filename2.endswith("3.txt")
    assert len(list((tmp_path / "second").rglob("*.txt"))) == 1


def test_a_folder_that_cannot_be_read_is_no_empty_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        copy_folder(tmp_path / "removed meanwhile", tmp_path / "copy")


def test_a_store_whose_disk_is_full_is_named_and_keeps_nothing_half_written(tmp_path):
    home, store = tmp_path / "home", tmp_path / "store"
    files = FileStore(home, f"file://{store}")
    files.write_mark("ours")
    weights = write_whole(bytes(100_000), home / "weights/1/a.pt")

    with full_disk(), pytest.raises(StoreDown, match=f"File too large: .*{store}/weights"):
        files.put(weights)
    assert [path.name for path in store.rglob("*") if path.is_file()] == [MARK]

    files.put(weights)
    with full_disk(), pytest.raises(StoreDown, match=f"File too large: .*{home}/weights"):
        files.get(weights, home / "weights/1/b.pt")
    assert [path.name for path in (home / "weights/1").iterdir()] == ["a.pt"]
