"""The records: events, reviews, predictions, trainings, projects, versions."""

import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from loop.errors import RecordsDown, UnknownProject
from loop.label_studio.projects import LONGEST_TITLE
from loop.regions import Box
from loop.reviews.verdicts import judge
from loop.storage.columns import LONGEST_MESSAGE
from loop.storage.database import CONNECT_SECONDS, NEWEST, connect, migrate, revision
from loop.training.store import TrainingState
from tests.builders import CONFIG, full_disk, region, review, served

OLD = Path(__file__).parent / "old_home"


def test_records_on_a_full_disk_say_what_to_do_also_where_sqlite_speaks_of_an_error_of_the_disk(tmp_path):
    url = f"sqlite:///{tmp_path}/loop.sqlite3"
    migrate(url)

    with full_disk(4096), pytest.raises(RecordsDown, match="disk I/O error; make room on its disk if it is full"):
        revision(connect(url))


def test_many_processes_may_migrate_at_once(tmp_path):
    code = f"from loop.storage.database import migrate; migrate('sqlite:///{tmp_path}/a/b.sqlite3')"

    running = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(4)]

    outputs = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 4, outputs


@pytest.mark.sqlite  # PostgreSQL does this by itself
def test_an_upgrade_that_ends_halfway_changes_nothing_and_the_next_one_does_all(tmp_path):
    url = f"sqlite:///{tmp_path}/loop.sqlite3"
    with closing(sqlite3.connect(tmp_path / "loop.sqlite3")) as records:
        records.executescript((OLD / "records.sql").read_text())
        records.execute("ALTER TABLE clusters ADD COLUMN decided_by TEXT")  # revision 0006 ends here
        before = records.execute("SELECT sql FROM sqlite_schema").fetchall()

        with pytest.raises(RecordsDown, match="duplicate column name: decided_by"):
            migrate(url)

        assert records.execute("SELECT sql FROM sqlite_schema").fetchall() == before
        records.execute("ALTER TABLE clusters DROP COLUMN decided_by")
    migrate(url)

    assert revision(connect(url)) == NEWEST


def test_no_thread_waits_for_the_connection_of_another_one(rooms):
    with ExitStack() as held:
        for _ in range(40):
            held.enter_context(rooms.engine.connect())

        assert revision(rooms.engine) == NEWEST


def test_rates_are_counted_by_the_version_that_was_reviewed(rooms):
    for task, version in ((1, "a@1"), (2, "b@2")):
        rooms.serving.predictions.append([served(region("p"), task=task, version=version)])
        (seen,) = rooms.serving.predictions.of_task(1, task)
        verdicts = judge(seen.regions, [region("p"), region("m", at=Box(0.6, 0.6, 0.9, 0.9))])
        rooms.reviews.verdicts.replace(1, task, (review(task=task), seen, verdicts))

    rates = rooms.rates.store.count_by_version(1)

    assert list(rates) == ["a@1", "b@2"]
    assert {version: rooms.rates.store.count_version(1, version) for version in rates} == rates
    assert (rates["a@1"].confirmed, rates["a@1"].missed, rates["a@1"].confirmed_rate) == (1, 1, 1.0)


def test_titles_and_messages_are_cut_where_they_are_stored(rooms):
    training = rooms.trainings.store.ask(1, "a person")
    rooms.studio.projects.save(1, "t" * 10_000, CONFIG)
    rooms.trainings.store.end(training.id, TrainingState.FAILED, error="e" * 1_000_000)

    assert len(rooms.studio.projects.get(1).title) == LONGEST_TITLE
    assert len(rooms.trainings.store.get(training.id).error) == LONGEST_MESSAGE + 1


def test_classes_are_appended_and_never_move(rooms):
    added = CONFIG.replace('<Label value="Car"/>', '<Label value="Bus"/>')

    rooms.studio.projects.save(1, "Cars", added)

    assert rooms.studio.projects.class_names(1) == ["Car", "Person", "Bus"]


def test_a_project_that_was_never_connected_is_named(rooms):
    with pytest.raises(UnknownProject, match="loop connect --project 9"):
        rooms.studio.projects.get(9)


def test_the_records_are_brought_to_the_last_revision(rooms):
    assert revision(rooms.engine) == NEWEST


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_an_address_of_postgresql_is_opened_by_the_driver_that_the_lock_has(scheme):
    engine = connect(f"{scheme}://loop@127.0.0.1:1/loop")

    assert (engine.dialect.name, engine.dialect.driver) == ("postgresql", "psycopg")
    assert engine.url.query["connect_timeout"] == CONNECT_SECONDS
