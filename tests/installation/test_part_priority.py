"""The priority of a part that `loop up` starts."""

import os
import sys
from pathlib import Path

import pytest

from loop.installation.processes import Program
from loop.installation.up import parts_of
from loop.settings import Settings


@pytest.fixture
def part(tmp_path):
    part = Program("part", "", [sys.executable, "-c", "import time; time.sleep(60)"], {}, tmp_path / "log")
    yield part
    part.kill()


def test_a_part_of_low_priority_lets_other_sessions_go_first(part):
    part.priority = 10
    own = os.getpriority(os.PRIO_PROCESS, 0)

    part.start()

    assert os.getpriority(os.PRIO_PROCESS, part.process.pid) == max(own, 10)
    shares = Path(f"/proc/{part.process.pid}/autogroup")
    if shares.exists():  # the kernel shares the processors out by sessions
        assert shares.read_text().endswith("nice 10\n")


def test_a_part_starts_where_the_priority_of_its_session_cannot_be_set(part, tmp_path, monkeypatch):
    monkeypatch.setattr("loop.process_table.SESSION", tmp_path)  # as in a container whose /proc is read-only
    part.priority = 10

    part.start()

    assert part.is_running()


def test_trainings_have_a_low_priority_and_what_answers_has_not(tmp_path):
    settings = Settings.read({"LOOP_HOME": str(tmp_path), "LOOP_EMBEDDER": "none"})

    priorities = {part.name: part.priority for part in parts_of(settings)}

    assert {name for name, priority in priorities.items() if priority} == {"worker-gpu"}
