"""No command shows a trace, whatever a user gives it: a message, and an exit code that docs/commands.md lists."""

import errno
import os
import shutil
import socket
import subprocess
import sys

import pytest

from loop.cli.messages import BUG, DONE, FAILED, WRONG_USAGE
from loop.cli.terminal.explanations import explain
from loop.settings import Settings
from loop.wiring import build
from tests.builders import CONFIG
from tests.cli.builders import SERVERS, calls, commands, files
from tests.terminal import loop

COMMANDS = {path: command for path, command in commands() if path[-1] not in SERVERS}
OF_A_PROJECT = [
    path
    for path, command in COMMANDS.items()
    if any(one.name == "project" and one.required for one in command.params) and path != ("connect",)
]
NOWHERE = {
    "LABEL_STUDIO_URL": "http://127.0.0.1:1",
    "LABEL_STUDIO_API_KEY": "",
    "LOOP_REDIS_URL": "redis://127.0.0.1:1",
    "LOOP_MILVUS_URI": "http://127.0.0.1:1",
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return files(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def home(tmp_path, monkeypatch, empty_records):
    """An installation with a project and nothing that runs."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(empty_records, home)
    for name, value in {**NOWHERE, "LOOP_HOME": str(home)}.items():
        monkeypatch.setenv(name, value)
    rooms = build(Settings.read())
    rooms.studio.projects.save(1, "Cars", CONFIG)
    rooms.close()
    return home


def assert_explained(ended, line):
    shown = f"{line}\n{ended.out}{ended.err}"
    assert "Traceback" not in shown, shown
    assert ended.code in (DONE, FAILED, WRONG_USAGE), shown
    assert ended.code == DONE or len(ended.err) > len("loop: ") or ended.out, shown


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_says_what_is_wrong_with_what_it_was_given(home, paths, path):
    for arguments in calls(COMMANDS[path], paths):
        assert_explained(loop(*path, *arguments), (*path, *arguments))


@pytest.mark.parametrize("path", OF_A_PROJECT, ids=" ".join)
def test_a_command_on_a_project_that_is_not_connected_says_so(home, paths, path):
    arguments = next(calls(COMMANDS[path], paths))
    arguments[arguments.index("--project") + 1] = "99"

    ended = loop(*path, *arguments)

    assert_explained(ended, (*path, *arguments))
    assert ended.code != DONE


def broken_home(tmp_path, kind):
    home = tmp_path / "broken"
    if kind == "a file":
        home.write_text("")
    else:
        home.mkdir()
        records = home / "loop.sqlite3"
        if kind == "records that are none":
            records.write_bytes(b"no database" * 100)
        else:
            records.mkdir()
    return home


@pytest.mark.parametrize("kind", ["a file", "records that are none", "records that are a folder"])
@pytest.mark.parametrize("path", [("status",), ("models", "list", "--project", "1"), ("doctor",)], ids=" ".join)
def test_a_home_that_cannot_be_used_is_named(tmp_path, monkeypatch, kind, path):
    home = broken_home(tmp_path, kind)
    monkeypatch.setenv("LOOP_HOME", str(home))

    ended = loop(*path)

    assert_explained(ended, path)
    assert ended.code == FAILED
    assert str(home) in "".join((ended.out + ended.err).split("\n"))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LOOP_REDIS_URL", "localhost:6379"),
        ("LOOP_DATABASE_URL", "no address"),
        ("LOOP_DATABASE_URL", "oracle+nobody://a@b/c"),
        ("LABEL_STUDIO_URL", "localhost:8080"),
        ("LABEL_STUDIO_URL", "http://:99999999"),
        ("LABEL_STUDIO_URL", "http://localhost:8080/projects/?a=b"),
        ("LABEL_STUDIO_API_KEY", "Token 0123456789"),
        ("LOOP_PORT", "70000"),
        ("LOOP_SCORE_FLOOR", "NaN"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(home, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)

    ended = loop("status")

    assert ended.code == FAILED
    assert f"loop: {variable}: expected " in ended.err


def test_a_bug_is_one_line_and_its_trace_is_in_a_file(home, monkeypatch):
    monkeypatch.setattr(Settings, "receivers", property(lambda _: 1 / 0))

    ended = loop("status")

    log = home / "logs" / "errors.log"
    assert ended.code == BUG
    assert ended.err.count("\n") == 1
    assert str(log) in ended.err
    assert "Traceback" in log.read_text()


def test_a_full_disk_says_where_and_what_to_do():
    message = explain(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/x"))

    assert message == "/data/x: No space left on device; make room on that disk, then run the command again"


def run(*arguments, shell_end="", environment):
    line = f'"{sys.executable}" -m loop.cli.main {" ".join(arguments)} {shell_end}'
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("end", ["| true", "| head -c 1", "> /dev/full", ">&-", ">&- 2>&-"])
def test_output_that_nobody_takes_ends_without_a_trace(tmp_path, end):
    done = run("--help", shell_end=end, environment={"LOOP_HOME": str(tmp_path), **NOWHERE})

    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode in (DONE, FAILED)


INTERRUPTED = """
import signal, sys, loop.cli.main
signal.signal(signal.SIGALRM, signal.default_int_handler)
signal.setitimer(signal.ITIMER_REAL, float(sys.argv[1]))
sys.exit(loop.cli.main.run(["worker", "default"]))
"""


SWALLOWED = """
import signal, sys, time, loop.cli.main as command
class Callback:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
def wait(arguments):
    Callback()
    time.sleep(60)
command._run = wait
sys.exit(command.run([]))
"""


def test_ctrl_c_in_a_callback_of_the_interpreter_ends_a_command_without_a_trace():
    done = subprocess.run([sys.executable, "-c", SWALLOWED], capture_output=True, text=True, check=False, timeout=50)

    assert (done.returncode, done.stderr) == (130, "")


@pytest.fixture
def silent():
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("seconds", ["0.02", "0.2", "3"])
def test_ctrl_c_ends_without_a_trace_at_any_moment(tmp_path, silent, seconds):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, seconds],
        env={**os.environ, **NOWHERE, "LOOP_HOME": str(tmp_path), "LOOP_REDIS_URL": silent},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Traceback" not in done.stderr
    assert done.returncode == 130
