"""When a part has to start again."""

from datetime import UTC, datetime

import pytest

from loop.installation.upkeep.part_health import BACKOFF, GRACE_SECONDS, PATIENCE, STEADY_SECONDS, PartHealth

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def noted(*faults, started_at=0.0):
    health = PartHealth(started_at)
    for fault in faults:
        health.note(fault)
    return health


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        pytest.param([""], "", id="works"),
        pytest.param(["", *["no answer"] * (PATIENCE - 1)], "", id="fails-for-a-moment"),
        pytest.param(["", *["no answer"] * PATIENCE], "fails its work (no answer)", id="fails"),
        pytest.param(["", *["no answer"] * PATIENCE, ""], "", id="works-again"),
        pytest.param(["no answer"] * PATIENCE, "", id="does-not-work-yet"),
    ],
)
def test_a_part_that_fails_its_work_for_a_while_has_to_start_again(faults, reason):
    assert noted(*faults).reason_to_restart(1.0, is_alive=True) == reason


def test_a_part_that_never_works_has_to_start_again():
    health = noted(*["no answer"] * PATIENCE)

    assert health.reason_to_restart(GRACE_SECONDS + 1, is_alive=True)


def test_a_part_that_died_has_to_start_again_at_once():
    assert noted("").reason_to_restart(0.1, is_alive=False) == "died"


def test_a_part_that_dies_again_and_again_waits_longer_each_time_and_one_that_ran_for_a_while_does_not():
    health = PartHealth(0.0)
    delays = []
    for now in (1.0, 5.0, 10.0, 20.0, 40.0, 80.0):
        delays.append(health.plan_restart(now, "died", NOON))
        health.note_start(now)
    after_a_while = health.plan_restart(80.0 + STEADY_SECONDS + 1, "died", NOON)

    assert delays == [1.0, 2.0, 4.0, 8.0, 16.0, BACKOFF[1]]
    assert after_a_while == BACKOFF[0]


def test_what_was_seen_before_a_start_does_not_count_after_it():
    health = noted("", *["no answer"] * PATIENCE)

    health.note_start(10.0)

    assert (health.fault, health.reason_to_restart(11.0, is_alive=True)) == ("", "")


def test_a_part_that_never_works_is_starting_twice_and_then_fails():
    health, are_starting = PartHealth(0.0), []
    for now in (1.0, 101.0, 201.0):
        health.note("no answer")
        are_starting.append(health.is_starting(now))
        health.plan_restart(now + 98.0, "fails its work", NOON)
        health.note_start(now + 99.0)

    assert are_starting == [True, True, False]
    health.note("")
    health.plan_restart(302.0, "died", NOON)
    health.note_start(303.0)
    assert health.is_starting(304.0)
