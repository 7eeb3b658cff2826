"""Plans that move matches, and can be taken back."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.errors import StalePlan
from loop.taxonomy.reapply_plan import apply_plan, invert, plan_reapply
from loop.taxonomy.voting import Match, Vote

A, B, C = Match("bird", 0.9, (Vote("r1", 0.9),)), Match("fish", 0.8), Match(None, 0.2)


def test_a_plan_says_what_moves_where():
    plan = plan_reapply({"1": C, "2": C, "3": A, "4": A}, {"1": A, "2": A, "3": B, "4": A, "5": B})

    assert [change.detection for change in plan.changes] == ["1", "2", "3", "5"]
    assert plan.summary() == {(None, "bird"): 2, ("bird", "fish"): 1, (None, "fish"): 1}


def test_nothing_changed_is_an_empty_plan():
    assert plan_reapply({"1": A, "2": C}, {"2": C, "1": A}).changes == ()


matches = st.dictionaries(
    st.sampled_from("abcdef"), st.builds(Match, st.sampled_from([None, "bird", "fish"]), st.floats(0, 1))
)


@settings(deadline=None, max_examples=50)
@given(matches, matches)
def test_a_plan_leads_there_and_its_inverse_back(old, new):
    plan = plan_reapply(old, new)

    assert apply_plan(old, plan) == new
    assert apply_plan(apply_plan(old, plan), invert(plan)) == old
    assert plan_reapply(apply_plan(old, plan), new).changes == ()
    assert invert(invert(plan)) == plan


@settings(deadline=None, max_examples=50)
@given(matches, matches, matches)
def test_the_token_names_the_content(old, new, other):
    plan = plan_reapply(old, new)

    assert plan.token == plan_reapply(dict(reversed(old.items())), new).token
    assert (plan.token == plan_reapply(old, other).token) == (new == other)


def test_a_plan_for_what_has_changed_since_does_nothing():
    before = {"1": B, "2": C}
    plan = plan_reapply({"1": C, "2": C}, {"1": A, "2": A})

    with pytest.raises(StalePlan, match=r"1 matches have changed .* of 1"):
        apply_plan(before, plan)
    assert before == {"1": B, "2": C}
