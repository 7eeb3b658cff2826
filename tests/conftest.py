"""Fixtures that many tests share."""

import os
import shutil
import signal

import hypothesis
import pytest

from loop.settings import Settings
from loop.wiring import build
from tests.builders import CONFIG
from tests.fakes import FakeDetectors, FakeImages, FakeLabelStudio, FakeQueue
from tests.order import place
from tests.swap import swap
from tests.vision.shared_embedders import SharedEmbedders

pytest_plugins = ["tests.object_store", "tests.postgres", "tests.services"]

# Tests of the rooms run on SQLite; again on PostgreSQL in `make test-long`, and these in `make test` already.
OFTEN_ON_POSTGRESQL = (
    *("tests/registry/test_store.py", "tests/reviews/test_event_store.py"),
    *("tests/reviews/test_verdict_query.py", "tests/storage/test_records.py", "tests/training/test_store.py"),
)

# The same examples every time: a test that fails is one that somebody broke.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=300)
hypothesis.settings.load_profile("fixed")


def pytest_configure(config):
    """
    Let the programs that tests start hear signals that this process was told to ignore, as `nohup` does.

    An ignored signal stays ignored in a program that is started; one with a handler does not. The process that only
    hands out the tests leaves them ignored.
    """
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_IGN:
                signal.signal(number, lambda *_: None)


def pytest_generate_tests(metafunc):
    """Run tests on the records on SQLite and on PostgreSQL; the name of the first is that of the test."""
    if "records" in metafunc.fixturenames:
        name = metafunc.definition.nodeid.split("::")[0]
        marks = (pytest.mark.integration,) if name in OFTEN_ON_POSTGRESQL else (pytest.mark.long,)
        sqlite, postgresql = pytest.param("sqlite", id=pytest.HIDDEN_PARAM), pytest.param("postgresql", marks=marks)
        is_on_both = metafunc.definition.get_closest_marker("sqlite") is None
        metafunc.parametrize("records", [sqlite, *([postgresql] if is_on_both else [])], indirect=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark the tests in folders called `integration`, and run them last, the longest files first."""
    for item in items:
        if "/integration/" in item.nodeid:
            item.add_marker("integration")
    items.sort(key=place)


@pytest.fixture(autouse=True)
def umask(request):
    """Each test begins with the umask of a usual shell; rooms close what they make, also those of the whole session."""
    before = os.umask(0o077 if "loop_rooms" in request.fixturenames else 0o022)
    yield
    os.umask(before)


@pytest.fixture
def records(request, monkeypatch):
    """The variables that say where the records are, for commands also in the environment: none for SQLite."""
    if request.param == "sqlite":
        return {}
    variables = {"LOOP_DATABASE_URL": request.getfixturevalue("database")}
    monkeypatch.setenv("LOOP_DATABASE_URL", variables["LOOP_DATABASE_URL"])
    return variables


@pytest.fixture
def settings(tmp_path, records):
    home = str(tmp_path / "home")
    return Settings.read({"LOOP_HOME": home, "LOOP_RETRAIN_AFTER": "3", "LABEL_STUDIO_API_KEY": "k", **records})


@pytest.fixture(scope="session")
def empty_records(tmp_path_factory):
    """Records with all tables and nothing in them, to be copied: migrating takes longer than most tests."""
    home = tmp_path_factory.mktemp("empty-records")
    build(Settings.read({"LOOP_HOME": str(home)}), migrate=True).close()
    return home / "loop.sqlite3"


@pytest.fixture(scope="session")
def share_towers(tmp_path_factory):
    """Give a home the exports of image encoders that all tests share: the first to embed makes one, in seconds."""
    base = tmp_path_factory.getbasetemp()
    towers = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "towers"
    towers.mkdir(exist_ok=True)

    def share(home):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / "towers").symlink_to(towers)
        return home

    return share


@pytest.fixture
def rooms(settings, empty_records, share_towers):
    """Real records in a folder of their own, with a fake Label Studio and a fake queue; project 1 is connected."""
    share_towers(settings.home)
    if not settings.database_url:
        shutil.copy(empty_records, settings.home)
    built = build(settings)
    built.studio.projects.save(1, "Cars", CONFIG)
    yield swap(
        built,
        (built.queue, FakeQueue()),
        (built.studio.client, FakeLabelStudio()),
        (built.vision.images, FakeImages()),
        (built.vision.embedders, SharedEmbedders(built.vision.embedders)),
        (built.registry.detectors, FakeDetectors()),
    )
    built.close()
