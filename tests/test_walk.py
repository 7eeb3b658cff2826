"""A walk for a limited time reaches everything in as many walks as it needs."""

from loop.walk import Walk


def test_a_walk_without_time_takes_one_step_and_the_next_goes_on():
    after, reached = "", []
    for _ in range(4):
        walk = Walk(after, seconds=0)
        reached += walk.over({"c", "a", "b"})
        after = walk.after

    assert reached == ["a", "b", "c", "a"]


def test_a_walk_with_time_reaches_all_and_the_next_begins_anew():
    walk = Walk("a", seconds=60)

    assert list(walk.over("abc")) == ["b", "c"]
    assert walk.after == ""


def test_a_thing_at_which_a_walk_failed_does_not_hold_up_those_behind_it():
    walk = Walk(seconds=60)
    assert next(walk.over("ab")) == "a"  # whoever asked fails with it and asks for no other

    assert list(Walk(walk.after, seconds=60).over("ab")) == ["b"]
