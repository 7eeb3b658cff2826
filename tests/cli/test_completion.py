"""What a shell completes, as it asks for it."""

import os
import subprocess
import sys

import pytest

from loop.settings import Settings
from loop.wiring import build
from tests.builders import CONFIG
from tests.cli.test_start import PRINT_IMPORTS

HEAVY = {"sqlalchemy", "pydantic_settings", "httpx", "redis", "numpy", "scipy", "label_studio_sdk", "torch", "PIL"}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Two projects; the first has a training."""
    monkeypatch.setenv("LOOP_HOME", str(tmp_path))
    rooms = build(Settings.read(), migrate=True)
    rooms.studio.projects.save(1, "Cars \x1b[31m", CONFIG)
    rooms.studio.projects.save(12, "Boats", CONFIG)
    rooms.trainings.store.ask(1, "by hand")
    rooms.close()
    (tmp_path / "logs").mkdir(exist_ok=True)
    (tmp_path / "logs" / "worker-gpu.log").touch()
    return tmp_path


def complete(line, home):
    """The values that bash gets for the last word of a line, and the modules that it took."""
    count = len(line.split()) - (not line.endswith(" "))
    asked = {"_LOOP_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(count)}
    environment = {"PATH": os.environ["PATH"], "LOOP_HOME": str(home), **asked}
    done = subprocess.run(
        [sys.executable, "-c", PRINT_IMPORTS], capture_output=True, text=True, env=environment, check=True
    )
    return done.stdout.split("\n"), {name.partition(".")[0] for name in done.stderr.splitlines()[-1].split()}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("loop mod", "models"),
        ("loop models li", "list"),
        ("loop models list --project 1", "12"),
        ("loop training show ", "1"),
        ("loop logs w", "worker-gpu"),
        ("loop rates --project 1 --by ", "cohort"),
    ],
)
def test_a_shell_completes(home, line, value):
    values, _ = complete(line, home)

    assert value in values


def test_nothing_is_completed_without_records_and_no_error_is_shown(tmp_path):
    values, _ = complete("loop models list --project ", tmp_path)

    assert "".join(values) == ""
