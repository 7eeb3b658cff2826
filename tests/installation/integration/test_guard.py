"""The guard of `loop up` ends what its parent leaves."""

import pytest

from loop.wiring import build
from tests.installation.builders import A_FEW_SECONDS, assert_all_end, is_ready, make_busy, of_home, started
from tests.services import children, names_of, until

pytestmark = pytest.mark.timeout(600)


@pytest.mark.long  # half a minute, the second start included
def test_killed_together_with_its_guard_nothing_is_left(settings, rooms):
    with started(settings) as process:
        make_busy(settings, rooms, process)
        (guard,) = children(process, "loop.installation.guard")

        guard.kill()
        process.kill()

        until(lambda: names_of(of_home(settings)) <= {"sleep"}, A_FEW_SECONDS)
        left = of_home(settings)  # a session of its own, and nobody who knows of it
        with started(settings) as next_one:
            until(lambda: is_ready(next_one), 60)
            assert not names_of(left)
            next_one.terminate()
            assert_all_end(settings, next_one)


@pytest.mark.long
def test_a_killed_guard_is_replaced(settings):
    build(settings, migrate=True).close()
    with started(settings) as process:
        until(lambda: is_ready(process), 120)
        (guard,) = children(process, "loop.installation.guard")

        guard.kill()

        until(lambda: [one for one in children(process, "loop.installation.guard") if one.pid != guard.pid], 10)
        process.kill()
        assert_all_end(settings, process)
