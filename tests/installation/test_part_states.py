"""Other commands know how the parts of a `loop up` are, as long as it runs."""

import os
import subprocess
import time
from contextlib import contextmanager

from loop.installation.upkeep import part_states
from loop.installation.upkeep.part_health import GRACE_SECONDS, PartHealth
from loop.process_table import MARK


@contextmanager
def running(run):
    """A process that carries the mark of a run."""
    process = subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: run})
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_the_states_of_a_run_are_read_while_a_process_of_it_lives(tmp_path):
    part_states.write(tmp_path, "a run", {"web": PartHealth(0.0, fault="no answer")})

    with running("a run"):
        assert str(part_states.read(tmp_path)["web"]) == "fails its work (no answer)"
    assert part_states.read(tmp_path) == {}


def test_a_part_that_has_just_started_is_starting_whatever_the_first_checks_find(tmp_path):
    begun = time.monotonic()
    states = {
        "web": PartHealth(begun, fault="no answer"),
        "schedule": PartHealth(begun, has_worked=True),
        "worker": PartHealth(begun - GRACE_SECONDS, fault="no sign of life"),
        "redis": PartHealth(begun, is_checked=False),
    }
    part_states.write(tmp_path, "a run", states)

    with running("a run"):
        assert {name: str(state) for name, state in part_states.read(tmp_path).items()} == {
            "web": "is starting",
            "schedule": "works",
            "worker": "fails its work (no sign of life)",
            "redis": "works",
        }
        assert part_states.find_starting(tmp_path) == {"web"}


def test_the_states_of_a_killed_run_are_not_those_of_another(tmp_path):
    part_states.write(tmp_path, "a killed run", {"web": PartHealth(0.0, fault="no answer")})

    with running("another run"):
        assert part_states.read(tmp_path) == {}
