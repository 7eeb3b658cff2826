"""Whatever LOOP_HOME is called, everything is kept in it and nowhere else."""

import os
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loop.errors import LoopError
from loop.job_queue import redis_server
from loop.job_queue.connection import connect
from loop.settings import Settings
from loop.storage import database
from loop.wiring import build
from tests.builders import CONFIG

ODD = (
    "a ?b%20c#d [x] 'é\" *",
    "a?mode=ro",
    "50%",
    "%2e%2e",
    "%(here)s",
    "a:b@c",
    "~",
    "日本 語",
    "a\\b",
    "-x",
    "file:a",
)
NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda name: name not in (".", "..") and name[-1] not in "\r\n" and len(os.fsencode(name)) < 250
)


def files_in(folder):
    return {path.relative_to(folder) for path in Path(folder).rglob("*") if path.is_file()}


@given(NAMES)
@example("a?b%20c")
@example("100%")
@settings(max_examples=100)
def test_records_are_in_the_home_of_that_name_and_nowhere_else(name):
    with TemporaryDirectory() as parent:
        engine = database.connect(Settings.read({"LOOP_HOME": f"{parent}/{name}"}).database)

        with engine.begin() as connection:
            connection.execute(sa.text("create table t (x)"))
            engine.dispose()

        assert {path.parent for path in files_in(parent)} == {Path(name)}


@given(NAMES)
@settings(max_examples=100)
def test_every_client_finds_the_socket_that_the_server_opens_in_its_home(name):
    settings = Settings.read({"LOOP_HOME": f"/srv/{name}"})
    command = redis_server.command(settings.redis_folder)
    options = dict(zip(command[1::2], command[2::2], strict=True))

    socket = connect(settings.redis).connection_pool.connection_kwargs["path"]

    assert socket == f"/srv/{name}/redis/redis.sock"
    assert socket == f"{options['--dir']}/{options['--unixsocket']}"


@pytest.mark.parametrize("name", ODD)
def test_an_installation_of_an_odd_name_keeps_what_it_is_given(tmp_path, name):
    settings = Settings.read({"LOOP_HOME": str(tmp_path / name)})
    with closing(build(settings, migrate=True)) as rooms:
        rooms.studio.projects.save(1, "Cars", CONFIG)

    with closing(build(settings, migrate=True)) as rooms:
        assert [project.title for project in rooms.studio.projects.all()] == ["Cars"]
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / "loop.sqlite3").exists()


def test_a_home_is_the_same_from_every_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    homes = [Settings.read({"LOOP_HOME": name}).home for name in ("loop", "./loop/", "~/loop", str(tmp_path / "loop"))]

    assert homes == [tmp_path / "loop"] * 4


@pytest.mark.parametrize("text", ["/srv/loop\r\n", "'/srv/loop'", '"/srv/loop"\r\n'])
def test_a_home_from_a_file_of_variables_has_neither_its_quotes_nor_its_line_end(text):
    assert Settings.read({"LOOP_HOME": text}).home == Path("/srv/loop")


def test_a_home_of_a_user_who_is_not_there_is_a_folder_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert Settings.read({"LOOP_HOME": "~nobody-of-that-name"}).home == tmp_path / "~nobody-of-that-name"


def test_a_home_behind_a_link_is_the_same_home(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with closing(build(Settings.read({"LOOP_HOME": str(tmp_path / "link")}), migrate=True)) as rooms:
        rooms.studio.projects.save(1, "Cars", CONFIG)

    with closing(build(Settings.read({"LOOP_HOME": str(tmp_path / "real")}))) as rooms:
        assert [project.id for project in rooms.studio.projects.all()] == [1]


@pytest.mark.parametrize("name", ["file", "file/below", "n" * 300], ids=["a file", "below a file", "too long a name"])
def test_a_home_that_cannot_be_is_refused_by_name(tmp_path, name):
    (tmp_path / "file").write_text("")

    with pytest.raises(LoopError, match="LOOP_HOME"):
        build(Settings.read({"LOOP_HOME": str(tmp_path / name)}), migrate=True)
