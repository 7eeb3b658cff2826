"""The keeper starts parts again, whatever keeps them from starting."""

import os
import sys

import pytest

from loop.installation.processes import Program
from loop.installation.upkeep.keeper import Keeper
from loop.installation.upkeep.part_health import GRACE_SECONDS, PATIENCE
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


def test_the_time_in_which_parts_need_not_work_begins_when_all_have_been_started(part):
    health = {}
    keeper = Keeper([part], health.update, print)
    health["part"].started_at -= GRACE_SECONDS + 1  # Redis read its data meanwhile
    for _ in range(PATIENCE):
        health["part"].note("no answer")
    part.start()

    keeper.note_starts()
    keeper.look()

    assert health["part"].restarts == 0
