"""How silence is measured."""

import pytest

from loop.errors import LoopError, UpstreamError
from loop.installation.up import parts_of
from loop.installation.upkeep.watch import QUIET_SECONDS, Silence, checks_of


@pytest.fixture
def clock():
    return [0.0]


def test_a_part_that_gives_signs_is_not_silent(clock):
    signs = iter(range(10))
    silence = Silence("gave no sign", lambda: next(signs), lambda: clock[0])

    faults = []
    for moment in range(10):
        clock[0] = moment * QUIET_SECONDS
        faults.append(silence.fault())

    assert set(faults) == {""}


def test_of_a_part_that_was_never_heard_nobody_knows_whether_it_works_until_it_is_silent_for_too_long(clock):
    silence = Silence("gave no sign", lambda: None, lambda: clock[0])

    with pytest.raises(LoopError, match="since it started"):
        silence.fault()

    clock[0] = QUIET_SECONDS + 1
    assert silence.fault() == "gave no sign for 26 s"


def test_a_part_that_gives_no_new_sign_for_a_while_is_silent(clock):
    silence = Silence("gave no sign", lambda: "the same", lambda: clock[0])
    first = silence.fault()

    clock[0] = QUIET_SECONDS + 1

    assert (first, silence.fault()) == ("", "gave no sign for 26 s")


def test_a_redis_that_lost_its_data_makes_no_part_silent(clock):
    signs = iter(["old", None, "new"])
    silence = Silence("gave no sign", lambda: next(signs), lambda: clock[0])

    faults = []
    for moment in (0.0, 20.0, 41.0):
        clock[0] = moment
        faults.append(silence.fault())

    assert faults == ["", "", ""]


def test_a_redis_that_was_down_for_a_while_makes_no_part_silent(clock):
    signs = iter(["old", None, "old", "new"])

    def read():
        if (sign := next(signs)) is None:
            raise UpstreamError("Redis did not answer")
        return sign

    silence = Silence("gave no sign", read, lambda: clock[0])
    faults = [silence.fault()]
    clock[0] = QUIET_SECONDS + 1
    with pytest.raises(UpstreamError):
        silence.fault()
    for moment in (QUIET_SECONDS + 11, QUIET_SECONDS + 21):  # the part has not noticed yet, and then it has
        clock[0] = moment
        faults.append(silence.fault())

    assert faults == ["", "", ""]


def test_every_part_but_redis_and_the_watch_itself_is_checked(settings):
    parts = {part.name for part in parts_of(settings)}

    assert checks_of(settings).keys() == parts - {"redis", "watch"}
