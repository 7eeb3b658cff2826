"""LOOP_HOME and all in it are for its owner only."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from loop.errors import PayloadError
from loop.settings import Settings
from loop.storage.home_folder import make_home
from loop.wiring import build
from tests.builders import list_open

NOBODY = 65534  # a user that is not the one who runs the tests
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


@pytest.fixture
def old_home(tmp_path):
    """A home as an earlier version left it: open to every user of the machine."""
    home = tmp_path / "home"
    (home / "weights" / "1").mkdir(parents=True)
    for path in (home / "loop.sqlite3", home / "weights" / "1" / "a.pt", home / "port"):
        path.write_text("")
    (home / "link").symlink_to(tmp_path / "beside")
    (tmp_path / "beside").write_text("")
    return home


def test_a_new_home_and_all_that_is_made_afterwards_are_for_their_owner_only(tmp_path):
    make_home(tmp_path / "home")

    (tmp_path / "home" / "logs").mkdir()
    subprocess.run(["touch", tmp_path / "home" / "logs" / "of-a-child"], check=True)

    assert list_open(tmp_path / "home") == []


def test_the_home_of_an_earlier_version_is_closed_with_all_in_it_and_nothing_beside_it(old_home, tmp_path):
    assert len(list_open(old_home)) == 6

    make_home(old_home)

    assert list_open(old_home) == []
    assert (old_home / "weights").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "beside").stat().st_mode & 0o777 == 0o644


def test_a_folder_of_another_user_is_refused_by_name(tmp_path):
    foreign = Path("/usr")
    if os.geteuid() == 0:
        foreign = tmp_path / "home"
        foreign.mkdir()
        os.chown(foreign, NOBODY, NOBODY)

    with pytest.raises(PayloadError, match=f"LOOP_HOME: .* of uid .*{foreign}"):
        make_home(foreign)


@AS_ROOT
def test_a_file_of_another_user_in_an_open_home_is_refused_by_name_until_it_is_gone(old_home):
    planted = old_home / "weights" / "1" / "planted.pt"
    planted.write_text("")
    os.chown(planted, NOBODY, NOBODY)

    with pytest.raises(PayloadError, match=r"one of uid 65534: .*planted\.pt"):
        make_home(old_home)

    planted.unlink()
    make_home(old_home)
    assert list_open(old_home) == []


PLANT = """
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
"""


@AS_ROOT
def test_a_redis_socket_that_another_user_planted_is_not_taken_for_ours():
    with TemporaryDirectory() as folder:
        home = Path(folder, "home")
        (home / "redis").mkdir(parents=True)
        (home / "up.lock").write_text("")
        for path in (Path(folder), home, home / "redis"):
            path.chmod(0o777)
        socket = home / "redis" / "redis.sock"
        subprocess.run([sys.executable, "-S", "-c", PLANT, socket], user=NOBODY, group=NOBODY, check=True)

        with pytest.raises(PayloadError, match=r"one of uid 65534: .*redis\.sock"):
            build(Settings.read({"LOOP_HOME": str(home)}), migrate=True)


def test_an_open_folder_with_other_things_in_it_is_refused_and_left_as_it_is(tmp_path):
    shared = tmp_path / "shared"
    (shared / "photos").mkdir(parents=True)

    with pytest.raises(PayloadError, match="a folder of its own"):
        make_home(shared)

    assert len(list_open(shared)) == 2
    shared.chmod(0o700)
    make_home(shared)


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(("-m", "loop.cli.main", "status"), id="a-command"),
        pytest.param(("-c", "from backend.app import create_app; create_app()"), id="gunicorn"),
    ],
)
def test_each_entry_point_closes_the_home(old_home, program):
    (old_home / "loop.sqlite3").unlink()
    (old_home / "webhook.key").write_text("k" * 64)
    environment = {**os.environ, "LOOP_HOME": str(old_home), "LABEL_STUDIO_URL": "http://127.0.0.1:9"}

    subprocess.run([sys.executable, *program], env=environment, check=True, capture_output=True)

    assert (old_home / "loop.sqlite3").exists()
    assert list_open(old_home) == []
