"""The keeper starts parts again, whatever keeps them from starting."""

import os
import sys

import pytest

from loop.installation.processes import Program
from loop.installation.upkeep.keeper import Keeper
from tests.services import until


class Reluctant(Program):
    """Cannot be started the first time after it died, as on a machine that is out of memory."""

    starts = 0

    def start(self):
        self.starts += 1
        if self.starts == 2:
            raise BlockingIOError("no process can be made")
        super().start()


@pytest.fixture
def part(tmp_path):
    part = Reluctant("part", "", [sys.executable, "-c", "input()"], dict(os.environ), tmp_path / "part.log")
    yield part
    part.kill()


def test_a_part_that_cannot_be_started_is_tried_again_and_ends_nothing(part):
    said = []
    keeper = Keeper([part], lambda parts: None, said.append)
    part.start()

    def is_started_again():
        keeper.look()
        return part.starts > 2

    until(is_started_again, 20)

    assert "no process can be made" in "".join(said)
