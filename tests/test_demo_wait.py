"""How long the demo waits for a part of its work."""

from itertools import count

import pytest

from scripts.demo.services import PATIENCE, wait_until


def test_work_that_makes_steps_is_waited_for():
    seconds = count(0.0, PATIENCE / 3)
    looks, steps = count(), count()

    wait_until(lambda: next(looks) == 10, "no training ended", steps.__next__, now=seconds.__next__, sleep=_no_sleep)

    assert next(seconds) > 2 * PATIENCE


def test_work_without_a_step_is_given_up():
    seconds = count(0.0, PATIENCE / 3)

    with pytest.raises(SystemExit, match="no training ended after 900 s without a step"):
        wait_until(lambda: False, "no training ended", now=seconds.__next__, sleep=_no_sleep)


def _no_sleep(_: float) -> None:
    pass
