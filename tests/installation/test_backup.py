"""A backup has all that cannot be made again, and is restored whole or not at all."""

import gzip
import io
import itertools
import re
import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from loop.errors import PayloadError
from loop.installation.backup import EVENTS, SAVED, backup, restore
from loop.reviews.verdict_query import VerdictFilter
from loop.settings import Settings
from loop.storage.audit import AuditTrail
from loop.storage.keys import KEY_FILE
from loop.wiring import build
from tests.builders import list_open
from tests.installation.builders import meanwhile

pytestmark = pytest.mark.sqlite
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def archive(home, settings, tmp_path):
    backup(home, settings.database, tmp_path / "loop.tar.gz")
    return tmp_path / "loop.tar.gz"


def files_in(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def facts(rooms):
    versions = rooms.registry.versions.list(1)
    for version in versions:
        version.verify()
    return (
        [(version.name, version.sha256, version.facts, version.created_at) for version in versions],
        rooms.registry.versions.champion(1).name,
        list(rooms.reviews.verdicts.all(VerdictFilter(project=1))),
        rooms.serving.predictions.of_task(1, 1),
        AuditTrail(rooms.engine).read(),
        rooms.studio.backend.secret_of(1),
        rooms.reviews.events.spool.count(),
    )


def test_a_home_restored_at_another_path_has_the_same_versions_verdicts_predictions_and_keys(rooms, archive, tmp_path):
    elsewhere = tmp_path / "another machine" / "loop"

    restore(elsewhere, archive)

    with closing(build(Settings.read({"LOOP_HOME": str(elsewhere)}), migrate=True)) as restored:
        assert facts(restored) == facts(rooms)
        assert len(facts(restored)[2]) == 1
    assert list_open(elsewhere) == list_open(archive) == []


def test_images_vectors_and_logs_are_left_out(archive, tmp_path):
    restore(tmp_path / "new", archive)

    names = files_in(tmp_path / "new")
    weights = {name for name in names if name.startswith("weights/1/")}
    assert len(weights) == 2
    waiting = {name for name in names if name.startswith("spool/")}
    assert len(waiting) == 1
    assert names - weights - waiting == {
        "loop.sqlite3",
        "loop-events.sqlite3",
        "webhook.key",
        "reports/1/b@1/report.html",
        "snapshots/1/0123/items.jsonl",
    }


def test_each_part_of_a_home_is_saved_or_can_be_made_again():
    made_again = {
        "images",
        "base",
        "runs",
        "discoveries",
        "logs",
        "milvus",
        "redis",
        "towers",
        "tuned.json",
        "up.lock",
    }
    sources = [path.read_text() for path in ROOT.glob("loop/**/*.py")]

    parts = {name for source in sources for name in re.findall(r'\bhome / "([^"]+)"', source)}

    assert parts - made_again == {*SAVED} - {KEY_FILE, EVENTS}


def test_a_dataset_whose_training_runs_is_left_out_and_made_again(rooms, home, settings, tmp_path):
    training = rooms.trainings.store.ask(1, "by hand")
    rooms.trainings.store.note(training.id, snapshot="0123" + "0" * 60)
    (home / "snapshots/1/0123").rename(home / "snapshots/1/0123000000000000")

    backup(home, settings.database, tmp_path / "loop.tar.gz")
    restore(tmp_path / "new", tmp_path / "loop.tar.gz")

    assert not (tmp_path / "new" / "snapshots").exists()


def test_nothing_in_it_names_the_place_it_comes_from(home, archive, tmp_path):
    restore(tmp_path / "new", archive)

    with closing(sqlite3.connect(tmp_path / "new" / "loop.sqlite3")) as records:
        assert [line for line in records.iterdump() if str(home) in line] == []


def test_the_records_are_copied_whole_while_others_write(rooms, home, settings, tmp_path):
    shutil.rmtree(home / "spool")
    numbers = itertools.count(1)

    with meanwhile(lambda: rooms.reviews.events.append(1, "ANNOTATION_CREATED", {"number": next(numbers)})):
        for _ in range(5):
            backup(home, settings.database, tmp_path / "loop.tar.gz")

    restore(tmp_path / "new", tmp_path / "loop.tar.gz")
    with closing(sqlite3.connect(tmp_path / "new" / EVENTS)) as records:
        assert records.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (count,) = records.execute("SELECT count(*) FROM events").fetchone()
    assert count > 0
    assert not list(tmp_path.glob(".loop*"))


def test_lost_weights_are_named(rooms, home, settings, tmp_path):
    rooms.registry.versions.get(1, "1.0.0").weights.unlink()

    assert f"lost before, so not in it: {home}/weights/1/" in backup(home, settings.database, tmp_path / "loop.tar.gz")


def test_a_home_that_is_not_empty_is_left_alone(home, archive, tmp_path):
    before = files_in(home)

    with pytest.raises(PayloadError, match="LOOP_HOME: expected an empty folder"):
        restore(home, archive)

    assert files_in(home) == before


@pytest.mark.parametrize("left", [("weights", "snapshots", "webhook.key"), ("weights/1",), ()])
def test_a_restore_that_was_killed_is_done_again(rooms, archive, tmp_path, left):
    new, whole = tmp_path / "new", tmp_path / "whole"
    restore(whole, archive)
    for name in left:
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        (whole / name).rename(new / name)

    restore(new, archive)

    with closing(build(Settings.read({"LOOP_HOME": str(new)}), migrate=True)) as restored:
        assert facts(restored) == facts(rooms)


@pytest.mark.parametrize("name", ["weights/1/other.pt", "webhook.key"])
def test_a_home_with_files_of_others_is_no_killed_restore(archive, tmp_path, name):
    other = tmp_path / "new" / name
    other.parent.mkdir(parents=True)
    other.write_bytes(b"of nobody else")

    with pytest.raises(PayloadError, match="expected an empty folder"):
        restore(tmp_path / "new", archive)

    assert files_in(tmp_path / "new") == {name}
    assert other.read_bytes() == b"of nobody else"


def test_records_without_tables_are_named(tmp_path):
    (tmp_path / "loop.sqlite3").touch()

    with pytest.raises(PayloadError, match="expected the tables of an installation, which `loop up` makes"):
        backup(tmp_path, f"sqlite:///{tmp_path}/loop.sqlite3", tmp_path / "loop.tar.gz")

    assert not (tmp_path / "loop.tar.gz").exists()


def cut(content):
    return content[: len(content) // 2]


def alter(content):
    plain = bytearray(gzip.decompress(content))
    plain[plain.index(b"snapshots/1/0123/items.jsonl", 700)] ^= 1  # in the content of that file
    return gzip.compress(bytes(plain))


def with_wrong_sum(content):
    return gzip.compress(gzip.decompress(content)[:600])[:-8] + bytes(8)


def add(name):
    def change(content):
        packed = io.BytesIO()
        with tarfile.open(fileobj=io.BytesIO(content)) as old, tarfile.open(fileobj=packed, mode="w:gz") as new:
            for member in old:
                new.addfile(member, old.extractfile(member))
            new.addfile(tarfile.TarInfo(name), io.BytesIO())
        return packed.getvalue()

    return change


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(cut, id="cut-off"),
        pytest.param(alter, id="altered"),
        pytest.param(add("weights/1/more.pt"), id="a-file-more"),
        pytest.param(add("../outside"), id="a-file-outside"),
        pytest.param(add("/outside"), id="an-absolute-path"),
        pytest.param(add("weights/../../outside"), id="a-way-up"),
        pytest.param(add("milvus/data"), id="no-part-of-a-backup"),
        pytest.param(add("loop.sqlite3"), id="a-file-twice"),
        pytest.param(add("loop.sqlite3/a"), id="a-file-as-a-folder"),
        pytest.param(add("backup.json/a"), id="a-folder-in-place-of-the-list"),
        pytest.param(add("weights"), id="a-folder-as-a-file"),
        pytest.param(add("weights/" + "a" * 300), id="a-name-that-no-disk-takes"),
        pytest.param(with_wrong_sum, id="another-sum-within-a-file"),
        pytest.param(lambda _: b"no archive", id="no-archive"),
    ],
)
def test_what_is_no_whole_backup_is_refused_and_leaves_nothing(archive, tmp_path, change):
    archive.write_bytes(change(archive.read_bytes()))

    with pytest.raises(PayloadError):
        restore(tmp_path / "new", archive)

    assert files_in(tmp_path / "new") == set()
    assert not (tmp_path / "outside").exists()


def test_records_in_another_database_are_for_its_own_tool(home, tmp_path):
    with pytest.raises(PayloadError, match="pg_dump"):
        backup(home, "postgresql://loop@db/loop", tmp_path / "loop.tar.gz")

    assert not (tmp_path / "loop.tar.gz").exists()
