"""The store of files, on a real S3 protocol and on a folder."""

import hashlib
import os
import signal
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from s3fs import S3FileSystem

from loop.errors import PayloadError, StoreDown
from loop.secrecy import redact
from loop.storage.file_store import MARK, FileStore
from tests.object_store import SECRET

OVER_AND_OVER = """
import sys
from pathlib import Path
from loop.storage.file_store import FileStore
home = Path(sys.argv[1])
store = FileStore(home, sys.argv[2])
print("begins", flush=True)
while True:
    for name in ("old", "new"):
        store.put(home / name, home / "weights" / "1" / "x.pt")
"""

FORKS = """
import os, sys
from pathlib import Path
from loop.storage.file_store import FileStore
home = Path(sys.argv[1])
store = FileStore(home, sys.argv[2])
store.check()
child = os.fork()
if child == 0:
    store.get(home / "weights/1/ab.pt", home / "by the child")
    os._exit(0)
os.waitpid(child, 0)
store.get(home / "weights/1/ab.pt", home / "by the parent")
"""


@pytest.fixture(params=["s3", "file"])
def address(request, tmp_path):
    if request.param == "file":
        return f"file://{tmp_path}/a store"
    return request.getfixturevalue("object_store").make_bucket(f"b{uuid.uuid4().hex}")


@pytest.fixture
def home(tmp_path):
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def other(tmp_path, address):
    """The same store, seen from another machine."""
    (tmp_path / "other").mkdir()
    return FileStore(tmp_path / "other", address)


@pytest.fixture
def store(home, address):
    store = FileStore(home, address)
    store.write_mark("ours")
    return store


def write(home, name, content=b"content"):
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_what_a_machine_puts_another_one_gets(store, home, other, tmp_path):
    store.put(write(home, "weights/1/ab.pt", b"weights"))
    store.put(write(home, "anything", b"report"), home / "reports/1/v@1/report.json")

    assert other.get(tmp_path / "other/weights/1/ab.pt", sha256=hashlib.sha256(b"weights").hexdigest())
    assert other.get(tmp_path / "other/reports/1/v@1/report.json", tmp_path / "other/here")

    assert (tmp_path / "other/weights/1/ab.pt").read_bytes() == b"weights"
    assert (tmp_path / "other/here").read_bytes() == b"report"
    assert other.read_mark() == "ours"


def test_files_are_listed_with_their_time_and_removed(store, home, other, tmp_path):
    for name in ("snapshots/1/a.tar.gz", "snapshots/1/.images/ab/b.jpg", "snapshots/10/c.tar.gz"):
        store.put(write(home, name))

    listed = other.list(tmp_path / "other/snapshots/1")

    assert list(listed) == [tmp_path / "other/snapshots/1/a.tar.gz"]
    assert abs(datetime.now(UTC) - listed[tmp_path / "other/snapshots/1/a.tar.gz"]) < timedelta(minutes=1)
    assert list(other.list(tmp_path / "other/snapshots/1/.images", is_deep=True)) == [
        tmp_path / "other/snapshots/1/.images/ab/b.jpg"
    ]
    store.delete(home / "snapshots/1/a.tar.gz")
    store.delete(home / "snapshots/1/a.tar.gz")
    assert other.list(tmp_path / "other/snapshots/1") == {}
    assert other.list(tmp_path / "other/nothing") == {}


def test_a_file_that_the_store_lacks_leaves_nothing(store, home):
    assert not store.get(home / "weights/1/none.pt")
    assert list((home / "weights/1").iterdir()) == []


def test_a_file_of_another_content_is_refused_and_the_old_one_stays(store, home, other, tmp_path):
    store.put(write(home, "weights/1/ab.pt", b"damaged"))
    here = write(tmp_path / "other", "weights/1/ab.pt", b"whole")

    with pytest.raises(PayloadError, match=r"ab.pt in LOOP_STORE .* the SHA-256 00, found damaged"):
        other.get(here, sha256="00")

    assert [path.read_bytes() for path in here.parent.iterdir()] == [b"whole"]


def test_readers_see_the_old_or_the_new_file_also_where_the_writer_is_killed(store, home, other, tmp_path):
    size = 4_000_000
    for name in ("old", "new"):
        write(home, name, name[:1].encode() * size)
    store.put(home / "old", home / "weights/1/x.pt")
    command = [sys.executable, "-c", OVER_AND_OVER, str(home), store._address]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ)
    assert writer.stdout.readline()

    seen = []
    for turn in range(8):
        if turn == 6:
            os.kill(writer.pid, signal.SIGKILL)
            writer.wait()
        assert other.get(tmp_path / "other/weights/1/x.pt")
        seen.append((tmp_path / "other/weights/1/x.pt").read_bytes())

    writer.stdout.close()
    assert {(len(content), len(set(content))) for content in seen} == {(size, 1)}


def test_a_process_that_forks_uses_the_store_in_parent_and_child(store, home):
    store.put(write(home, "weights/1/ab.pt"))

    subprocess.run([sys.executable, "-c", FORKS, str(home), store._address], env=os.environ, timeout=60, check=True)

    assert (home / "by the child").exists()
    assert (home / "by the parent").exists()


def test_a_folder_that_is_not_mounted_takes_nothing(home, tmp_path):
    store = FileStore(home, f"file://{tmp_path}/mount")
    store.write_mark("ours")
    (tmp_path / "mount" / MARK).unlink()

    with pytest.raises(StoreDown, match="is it mounted"):
        store.put(write(home, "weights/1/ab.pt"))

    assert list((tmp_path / "mount").iterdir()) == []


def test_without_a_store_nothing_is_copied_and_nothing_found(home):
    store = FileStore(home)
    path = write(home, "weights/1/ab.pt")

    store.put(path)
    store.delete(path)
    store.check()

    assert not store.get(home / "else")
    assert store.list(home) == {}
    assert [path.name for path in home.rglob("*") if path.is_file()] == ["ab.pt"]


def test_a_store_that_fails_is_named_and_its_credentials_are_not(object_store, home, monkeypatch):
    address = object_store.make_bucket("fails")
    path = write(home, "weights/1/ab.pt")
    cases = {
        "The specified bucket does not exist": ("s3://nobody/x", {}),
        "Could not connect": (address, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}),
        "Unable to locate credentials": (address, {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}),
        "Protocol not known": ("nothing://x/y", {}),
    }

    for reason, (place, variables) in cases.items():
        with monkeypatch.context() as changed:
            for name, value in variables.items():
                changed.delenv(name) if value is None else changed.setenv(name, value)
            store = FileStore(home, place)
            S3FileSystem.clear_instance_cache()  # a process reads the variables once
            for act in (store.check, partial(store.put, path)):
                with pytest.raises(StoreDown, match=rf"LOOP_STORE {place} .*{reason}") as raised:
                    act()
                assert SECRET not in str(raised.value)
    S3FileSystem.clear_instance_cache()


def test_a_store_that_was_down_works_again_when_it_is_back(object_store, home):
    store = FileStore(home, object_store.make_bucket("returns"))
    store.put(write(home, "weights/1/ab.pt"))

    object_store.stop()
    try:
        with pytest.raises(StoreDown):
            store.get(home / "weights/1/ab.pt", home / "back")
    finally:
        object_store.start()

    assert store.get(home / "weights/1/ab.pt", home / "back")


@pytest.mark.parametrize("address", ["/srv/store", "bucket/folder", "s3://"])
def test_what_is_no_address_is_refused_by_the_name_of_its_variable(home, address):
    with pytest.raises(PayloadError, match="LOOP_STORE: expected an address such as s3://bucket/folder"):
        FileStore(home, address)


def test_the_credentials_of_the_store_are_masked(object_store, home):
    FileStore(home, "s3://any/x")

    assert SECRET not in redact(f"an error with {SECRET}")
