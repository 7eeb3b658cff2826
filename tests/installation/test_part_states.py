"""Other commands know how the parts of a `loop up` are, as long as it runs."""

import os
import subprocess
from contextlib import contextmanager

from loop.installation.upkeep import part_states
from loop.installation.upkeep.part_health import PartHealth
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


def test_the_states_of_a_killed_run_are_not_those_of_another(tmp_path):
    part_states.write(tmp_path, "a killed run", {"web": PartHealth(0.0, fault="no answer")})

    with running("another run"):
        assert part_states.read(tmp_path) == {}
