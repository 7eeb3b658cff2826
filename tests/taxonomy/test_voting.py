"""Matching by vote, calibration, and plans that can be undone."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.errors import PayloadError
from loop.taxonomy.calibration import without_group
from loop.taxonomy.taxonomy import Taxonomy
from loop.taxonomy.voting import NOBODY, Match, MatchPolicy, Neighbours, Vote, find_places, node_scores, vote
from tests.taxonomy.builders import FAUNA, PLACES, near


def with_threshold(node, threshold):
    from loop.taxonomy.editing.categories import with_thresholds

    return with_thresholds(FAUNA, {node: threshold})


def test_the_nearest_references_decide_and_are_kept():
    (match,) = vote(FAUNA, near([("bird", 0.9), ("fish", 0.5), ("bird", 0.85), ("tool", 0.3)]))

    assert match.node == "bird"
    assert match.score == pytest.approx(0.875, abs=0.01)
    assert [ballot.reference for ballot in match.votes] == ["bird-0", "bird-2"]
    assert [ballot.score for ballot in match.votes] == pytest.approx([0.9, 0.85])


def test_where_no_child_holds_the_parent_is_the_answer():
    torn = near([("bird", 0.7), ("fish", 0.7), ("bird", 0.7), ("fish", 0.7)])

    (match,) = vote(FAUNA, torn, MatchPolicy(threshold=0.6))

    assert match.node == "animal"
    assert {ballot.reference for ballot in match.votes} == {"bird-0", "fish-1", "bird-2", "fish-3"}


def test_a_child_is_not_asked_where_its_parent_does_not_hold():
    (match,) = vote(with_threshold("animal", 0.95), near([("bird", 0.9), ("bird", 0.9)]))

    assert (match.node, len(match.votes)) == (None, 2)
    assert match.score == pytest.approx(0.9)


def test_below_every_threshold_it_is_unknown():
    assert vote(FAUNA, near([("tool", 0.3)]))[0].node is None


@pytest.mark.parametrize("threshold", [0.4, 0.45, 0.7])  # rounded to single precision, some grow and some shrink
def test_a_score_that_equals_the_threshold_reaches_it(threshold):
    policy = MatchPolicy(threshold=threshold)

    assert vote(FAUNA, near([("bird", threshold)]), policy)[0].node == "bird"


def test_a_nodes_own_threshold_comes_before_the_policys():
    assert vote(with_threshold("tool", 0.2), near([("tool", 0.3)]))[0].node == "tool"


def test_one_reference_is_enough_to_vote():
    assert vote(FAUNA, near([("tool", 0.8)]))[0] == Match(
        "tool", pytest.approx(0.8), (Vote("tool-0", pytest.approx(0.8)),)
    )


def test_without_references_everything_is_unknown():
    nothing = Neighbours(np.zeros((2, 0), str), np.zeros((2, 0), np.float32), np.zeros((2, 0), np.intp))

    assert vote(FAUNA, nothing) == [Match(None, 0.0), Match(None, 0.0)]
    assert vote(Taxonomy(), near([("tool", 0.8)]))[0].node is None


def test_references_of_no_node_and_threshold_zero_make_no_match():
    (match,) = vote(with_threshold("tool", 0.0), near([("elsewhere", 0.9)]))

    assert (match.node, match.votes) == (None, ())


def test_what_looks_like_references_of_no_node_is_unknown_beside_one_that_is_farther():
    others = [("elsewhere", 0.95)] * 9

    unlike, like = vote(FAUNA, near([*others, ("tool", 0.5)], [("elsewhere", 0.5), ("tool", 0.95)]))

    assert unlike.node is None
    assert unlike.score < 0.1
    assert like.node == "tool"
    assert [ballot.reference for ballot in like.votes] == ["tool-1"]


def test_references_of_the_own_group_do_not_vote_for_no_node_either():
    neighbours = near([("bird", 0.9), ("tool", 0.7)])

    voters = without_group(neighbours, np.array(["a"]), np.array([["a", "b"]]), k=2)

    assert vote(FAUNA, voters)[0] == Match("tool", pytest.approx(0.7), (Vote("tool-1", pytest.approx(0.7)),))


def test_labels_of_no_node_have_no_place():
    assert find_places(FAUNA, ["Tool", "Bird", "Car"]).tolist() == [PLACES["tool"], PLACES["bird"], NOBODY]


def test_arrays_of_different_shapes_are_refused():
    with pytest.raises(PayloadError, match="one shape"):
        Neighbours(np.zeros((2, 3), str), np.zeros((2, 2), np.float32), np.zeros((2, 3), np.intp))


votes = st.lists(
    st.tuples(st.sampled_from(["bird", "fish", "tool", None]), st.floats(-1, 1, width=32)), min_size=1, max_size=8
)


@settings(deadline=None, max_examples=30)
@given(st.lists(votes, min_size=1, max_size=5), st.randoms())
def test_scores_are_shares_that_grow_towards_the_root_whatever_the_order(queries, random):
    scores = node_scores(FAUNA, near(*queries), MatchPolicy())
    shuffled = node_scores(FAUNA, near(*[random.sample(query, len(query)) for query in queries]), MatchPolicy())

    assert ((scores >= 0) & (scores <= 1 + 1e-6)).all()
    assert (scores[:, PLACES["animal"]] >= scores[:, [PLACES["bird"], PLACES["fish"]]].max(axis=1) - 1e-5).all()
    assert np.allclose(scores, shuffled, atol=1e-5)


def test_ten_thousand_queries_take_seconds():
    rng = np.random.default_rng(0)
    shape = (10_000, 10)
    many = Neighbours(
        rng.integers(0, 9999, shape).astype(str),
        rng.random(shape, np.float32),
        rng.integers(-1, 4, shape),
    )

    began = time.process_time()
    matched = vote(FAUNA, many)

    assert len(matched) == 10_000
    assert time.process_time() - began < 5


def test_what_shows_the_same_thing_does_not_vote():
    neighbours = near([("bird", 0.9), ("fish", 0.8), ("tool", 0.7)])

    voters = without_group(neighbours, np.array(["a"]), np.array([["a", "b", "a"]]), k=2)

    assert voters.ids[0, 0] == "fish-1"
    assert voters.nodes.tolist() == [[PLACES["fish"], NOBODY]]
