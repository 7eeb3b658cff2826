"""The records on a real PostgreSQL: migrations, appends and locks of many processes, JSON, time zones, restarts."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from loop.errors import RecordsDown
from loop.settings import Settings
from loop.storage.database import NEWEST, connect, migrate, revision
from loop.storage.tables import metadata
from loop.wiring import build
from tests.builders import CONFIG, NOON, region, review

AT_ONCE = 8
DATA = {
    "text": 'a "quoted" line\n',
    "emoji": "🚗",
    "zero": "\0",
    "half": "\ud800",
    "number": 2**63,
    "list": [None, 0.1],
}
EVENT = {"annotation": {"id": 1, "result": []}, "task": {"id": 1, "data": DATA}}


@pytest.fixture
def url(postgres):
    """The address of a database without any table."""
    url = postgres.make_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture
def engine(url):
    engine = connect(url)
    yield engine
    engine.dispose()


@pytest.fixture
def installation(database, tmp_path):
    with closing(build(Settings.read({"LOOP_HOME": str(tmp_path), "LOOP_DATABASE_URL": database}))) as rooms:
        rooms.studio.projects.save(1, "Cars", CONFIG)
        yield rooms


def at_once(work, *arguments):
    """Do the same work in many threads at once; return all results."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda _: work(*arguments), range(AT_ONCE)))


def test_the_tables_are_those_of_the_code(url, engine):
    migrate(url)

    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert revision(engine) == NEWEST


def test_every_migration_can_be_taken_back_and_done_again(url, engine):
    migrate(url)
    config = Config(attributes={"url": engine.url})
    config.set_main_option("script_location", "loop:storage/migrations")

    command.downgrade(config, "base")

    assert sa.inspect(engine).get_table_names() == ["alembic_version"]
    migrate(url)
    assert revision(engine) == NEWEST


def test_many_processes_may_migrate_at_once(url, engine):
    code = f"from loop.storage.database import migrate; migrate({url!r})"

    running = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(4)]

    outputs = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * 4, outputs
    assert revision(engine) == NEWEST


def test_an_event_that_comes_many_times_at_once_is_appended_once_and_read_as_it_was(installation):
    events = installation.reviews.events

    appended = at_once(events.append, 1, "ANNOTATION_CREATED", EVENT)

    (stored,) = events.pending(1)
    assert sorted(appended) == [False] * (AT_ONCE - 1) + [True]
    assert stored.payload == {"action": "ANNOTATION_CREATED", **EVENT}


def test_an_event_that_takes_long_to_store_holds_no_other_up(installation):
    events = installation.reviews.events
    slow = "BEGIN IF NEW.payload::text LIKE '%slow%' THEN PERFORM pg_sleep(0.5); END IF; RETURN NEW; END"
    with installation.engine.begin() as connection:
        connection.execute(sa.text(f"CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $${slow}$$"))
        trigger = "CREATE TRIGGER dawdle BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION dawdle()"
        connection.execute(sa.text(trigger))
    for text in ("slow", "quick"):
        events.append(1, "ANNOTATION_CREATED", {"annotation": {"id": 1, "result": [text]}})
    assert events.spool.count() == 2

    events.take_over()

    assert [event.payload["annotation"]["result"] for event in events.pending(1)] == [["slow"], ["quick"]]


def test_a_training_that_is_asked_for_many_times_at_once_is_one(installation):
    asked = at_once(installation.trainings.store.ask, 1, "by hand")

    assert len({training.id for training in asked}) == 1


def test_a_review_that_is_recorded_many_times_at_once_is_there_once_with_its_newest_state(installation):
    states = [review(region(str(edited)), edited=edited) for edited in range(AT_ONCE)]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda state: installation.reviews.store.record(state, {}), states))

    counted = installation.reviews.store.find_counted(1)
    assert counted[1].review.regions[0].id == str(AT_ONCE - 1)


def test_versions_that_are_added_and_promoted_at_once_have_their_own_numbers_and_one_serves(installation, tmp_path):
    weights = tmp_path / "some.pt"
    weights.write_bytes(b"weights")
    versions = installation.registry.versions

    def add_and_promote():
        return versions.promote(1, versions.add(1, weights).name, "first").name

    names = at_once(add_and_promote)

    assert len(set(names)) == AT_ONCE
    champion = versions.champion(1)
    with installation.engine.connect() as connection:
        query = sa.text("SELECT version FROM moves WHERE id = :last")
        last = connection.scalar(query, {"last": installation.registry.moves.last(1)})
    assert champion.name == last


def test_times_are_the_same_whatever_zone_the_database_is_in(installation):
    with installation.engine.begin() as connection:
        database = installation.engine.url.database
        connection.execute(sa.text(f"ALTER DATABASE {database} SET timezone = 'Asia/Kathmandu'"))
    installation.engine.dispose()  # the zone holds for new connections

    before = datetime.now(UTC)
    installation.reviews.store.record(review(region()), {})
    after = datetime.now(UTC)

    assert installation.reviews.store.find_counted(1)[1].review.created_at == NOON
    assert before <= installation.reviews.facts.find_newest(1) <= after


def test_a_restart_of_the_database_costs_no_query_after_it(postgres, installation):
    installation.studio.projects.get(1)

    postgres.stop()
    try:
        with pytest.raises(RecordsDown, match=r"start the database, or correct LOOP_DATABASE_URL$"):
            installation.studio.projects.get(1)
    finally:
        postgres.start()

    assert installation.studio.projects.get(1).title == "Cars"


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        pytest.param({"database": "nothing_here"}, "create it, or correct LOOP_DATABASE_URL", id="no-database"),
        pytest.param({"port": 9}, "start the database, or correct LOOP_DATABASE_URL", id="no-server"),
    ],
)
def test_an_address_that_does_not_work_is_named_with_advice_in_one_line(url, change, advice):
    address = sa.make_url(url).set(**change)

    with pytest.raises(RecordsDown) as refused:
        migrate(address)

    assert str(refused.value).endswith(advice)
    assert "\n" not in str(refused.value)


def test_a_full_disk_of_the_database_says_what_to_do(database):
    full = "DO $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$"

    with connect(database).connect() as connection, pytest.raises(RecordsDown, match=r"make room on its disk$"):
        connection.execute(sa.text(full))
