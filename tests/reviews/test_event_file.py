"""On SQLite, events stand in a file of their own, so that they wait for no job; those of older records move there."""

import shutil
import sqlite3
import time
from contextlib import closing

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from loop.errors import RecordsDown
from loop.installation.backup import backup, restore
from loop.reviews.event_file import connect_events
from loop.settings import Settings
from loop.storage.database import migrate, name_events
from loop.storage.tables import events
from loop.wiring import build
from tests.builders import created, ls_region, read_rows
from tests.reviews.builders import arrive, take
from tests.reviews.record_lock import locked

pytestmark = pytest.mark.sqlite


@pytest.fixture
def records_file(rooms, settings):
    for engine in (rooms.engine, rooms.reviews.events.engine):
        engine.dispose()  # a fork must not share a connection
    return settings.home / "loop.sqlite3"


def test_an_event_is_recorded_while_a_job_writes_into_the_records(rooms, records_file):
    with locked(records_file, events_too=False):
        began = time.monotonic()
        arrive(rooms, created(ls_region()))
        seconds = time.monotonic() - began

        assert len(rooms.reviews.events.pending(1)) == 1

    assert seconds < 0.2  # after which an event becomes a file
    assert rooms.reviews.events.spool.is_empty()


def test_no_event_stands_in_the_records(rooms):
    take(rooms, created(ls_region()))

    with rooms.engine.connect() as connection:
        assert connection.execute(sa.select(events)).all() == []
    assert [row.error for row in read_rows(rooms, events)] == [None]


@pytest.fixture
def older(rooms, settings):
    """Records of the revision before, with a processed event, one that is set aside and one that waits."""
    arrive(rooms, *(created(ls_region(), annotation=number, task=number) for number in (1, 2, 3)))
    rooms.reviews.events.mark_processed([1])
    rooms.reviews.events.mark_processed([2], error="why")
    before = read_rows(rooms, events)
    rooms.reviews.events.engine.dispose()
    config = Config(attributes={"url": rooms.engine.url})
    config.set_main_option("script_location", "loop:storage/migrations")
    command.downgrade(config, "0014")
    for path in settings.home.glob("loop-events*"):
        path.unlink()
    return before


def test_events_of_older_records_move_into_their_file_once(rooms, settings, older):
    with rooms.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(events)) == 3

    migrate(settings.database)
    migrate(settings.database)

    assert read_rows(rooms, events) == older
    with rooms.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(events)) == 0


def test_an_upgrade_that_was_killed_before_its_commit_moves_them_again(rooms, settings, older):
    shutil.copy(settings.home / "loop.sqlite3", settings.home / "before")
    migrate(settings.database)
    rooms.engine.dispose()
    shutil.copy(settings.home / "before", settings.home / "loop.sqlite3")  # the events' file has its rows already

    migrate(settings.database)

    assert read_rows(rooms, events) == older


def test_an_upgrade_that_cannot_write_their_file_says_so_and_loses_none(rooms, settings, older):
    name_events(settings.home / "loop.sqlite3").write_bytes(b"something else" * 100)

    with pytest.raises(RecordsDown, match="not a database"):
        migrate(settings.database)

    with rooms.engine.connect() as connection:
        assert len(connection.execute(sa.select(events)).all()) == len(older)


def test_a_backup_has_the_events_and_is_restored_with_them(rooms, settings, tmp_path):
    take(rooms, created(ls_region(), annotation=1))
    arrive(rooms, created(ls_region(), annotation=2))

    backup(settings.home, settings.database, tmp_path / "loop.tar.gz")
    restore(tmp_path / "new", tmp_path / "loop.tar.gz")

    with closing(build(Settings.read({"LOOP_HOME": str(tmp_path / "new")}), migrate=True)) as restored:
        assert read_rows(restored, events) == read_rows(rooms, events)


def test_records_at_another_address_have_their_events_beside_them(tmp_path):
    records = tmp_path / "elsewhere" / "shared.sqlite3"
    migrate(f"sqlite:///{records}")

    with connect_events(sa.create_engine(f"sqlite:///{records}")).connect() as connection:
        assert connection.execute(sa.select(events)).all() == []

    with closing(sqlite3.connect(name_events(records))) as file:
        assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
