"""Matching by vote, calibration, and plans that can be undone."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.errors import PayloadError, StalePlan
from loop.taxonomy.calibration import Basis, CalibrationPolicy, calibrate_nodes, without_group
from loop.taxonomy.reapply_plan import apply_plan, invert, plan_reapply
from loop.taxonomy.taxonomy import Node, Taxonomy
from loop.taxonomy.voting import NOBODY, Match, MatchPolicy, Neighbours, Vote, find_places, node_scores, vote

TREE = Taxonomy(
    (
        Node("animal"),
        Node("bird", parent="animal", labels=("Bird",)),
        Node("fish", parent="animal", labels=("Fish",)),
        Node("tool", labels=("Tool",)),
    )
)
PLACES = {node.id: place for place, node in enumerate(TREE.nodes)}


def near(*queries):
    """Neighbours of each query, given as (node, score) pairs; a reference's id is its node and its place."""
    k = max(map(len, queries))
    padded = [[*query, *[(None, 0.0)] * (k - len(query))] for query in queries]
    return Neighbours(
        np.array([[f"{node}-{place}" for place, (node, _) in enumerate(query)] for query in padded]),
        np.array([[score for _, score in query] for query in padded], np.float32),
        np.array([[PLACES.get(node, NOBODY) for node, _ in query] for query in padded], np.intp),
    )


def with_threshold(node, threshold):
    from loop.taxonomy.taxonomy import with_thresholds

    return with_thresholds(TREE, {node: threshold})


def test_the_nearest_references_decide_and_are_kept():
    (match,) = vote(TREE, near([("bird", 0.9), ("fish", 0.5), ("bird", 0.85), ("tool", 0.3)]))

    assert match.node == "bird"
    assert match.score == pytest.approx(0.875, abs=0.01)
    assert [ballot.reference for ballot in match.votes] == ["bird-0", "bird-2"]
    assert [ballot.score for ballot in match.votes] == pytest.approx([0.9, 0.85])


def test_where_no_child_holds_the_parent_is_the_answer():
    torn = near([("bird", 0.7), ("fish", 0.7), ("bird", 0.7), ("fish", 0.7)])

    (match,) = vote(TREE, torn, MatchPolicy(threshold=0.6))

    assert match.node == "animal"
    assert {ballot.reference for ballot in match.votes} == {"bird-0", "fish-1", "bird-2", "fish-3"}


def test_a_child_is_not_asked_where_its_parent_does_not_hold():
    (match,) = vote(with_threshold("animal", 0.95), near([("bird", 0.9), ("bird", 0.9)]))

    assert (match.node, len(match.votes)) == (None, 2)
    assert match.score == pytest.approx(0.9)


def test_below_every_threshold_it_is_unknown():
    assert vote(TREE, near([("tool", 0.3)]))[0].node is None


def test_a_nodes_own_threshold_comes_before_the_policys():
    assert vote(with_threshold("tool", 0.2), near([("tool", 0.3)]))[0].node == "tool"


def test_one_reference_is_enough_to_vote():
    assert vote(TREE, near([("tool", 0.8)]))[0] == Match(
        "tool", pytest.approx(0.8), (Vote("tool-0", pytest.approx(0.8)),)
    )


def test_without_references_everything_is_unknown():
    nothing = Neighbours(np.zeros((2, 0), str), np.zeros((2, 0), np.float32), np.zeros((2, 0), np.intp))

    assert vote(TREE, nothing) == [Match(None, 0.0), Match(None, 0.0)]
    assert vote(Taxonomy(), near([("tool", 0.8)]))[0].node is None


def test_references_of_no_node_and_threshold_zero_make_no_match():
    (match,) = vote(with_threshold("tool", 0.0), near([("elsewhere", 0.9)]))

    assert (match.node, match.votes) == (None, ())


def test_labels_of_no_node_have_no_place():
    assert find_places(TREE, ["Tool", "Bird", "Car"]).tolist() == [PLACES["tool"], PLACES["bird"], NOBODY]


def test_arrays_of_different_shapes_are_refused():
    with pytest.raises(PayloadError, match="one shape"):
        Neighbours(np.zeros((2, 3), str), np.zeros((2, 2), np.float32), np.zeros((2, 3), np.intp))


votes = st.lists(
    st.tuples(st.sampled_from(["bird", "fish", "tool", None]), st.floats(-1, 1, width=32)), min_size=1, max_size=8
)


@settings(deadline=None, max_examples=30)
@given(st.lists(votes, min_size=1, max_size=5), st.randoms())
def test_scores_are_shares_that_grow_towards_the_root_whatever_the_order(queries, random):
    scores = node_scores(TREE, near(*queries), MatchPolicy())
    shuffled = node_scores(TREE, near(*[random.sample(query, len(query)) for query in queries]), MatchPolicy())

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
    matched = vote(TREE, many)

    assert len(matched) == 10_000
    assert time.process_time() - began < 5


def by_node(rows):
    return {row.node: row for row in rows}


def test_a_threshold_keeps_the_risk_that_is_asked_for():
    scores = np.linspace(0.99, 0.5, 100)
    neighbours = near(*([("bird", score)] for score in scores))
    is_wrong = (scores < 0.7) & (np.arange(100) % 2 == 0)
    truth = np.where(is_wrong, PLACES["fish"], PLACES["bird"])

    row = by_node(calibrate_nodes(TREE, neighbours, truth, policy=CalibrationPolicy(risk=0.05, least_coverage=0.0)))[
        "bird"
    ]

    assert row.basis is Basis.OWN
    assert row.risk == pytest.approx(0.05, abs=0.02)
    assert row.reaches
    assert 0.6 < row.threshold < 0.7
    assert row.coverage == pytest.approx(0.65, abs=0.05)


def test_without_risk_something_is_left_that_is_unknown():
    scores = np.linspace(0.99, 0.5, 100)

    row = by_node(calibrate_nodes(TREE, near(*([("tool", score)] for score in scores)), np.full(100, PLACES["tool"])))[
        "tool"
    ]

    assert row.coverage == pytest.approx(0.95, abs=0.02)
    assert (row.references, row.risk, row.reaches) == (100, 0.0, True)


def test_a_risk_that_cannot_be_kept_is_reported():
    rng = np.random.default_rng(0)
    neighbours = near(*([("bird", score)] for score in rng.uniform(0.5, 0.9, 200)))
    truth = rng.choice([PLACES["bird"], PLACES["fish"]], 200)

    row = by_node(calibrate_nodes(TREE, neighbours, truth))["bird"]

    assert not row.reaches
    assert row.coverage == pytest.approx(0.8, abs=0.1)


def test_a_node_with_few_references_takes_those_of_its_siblings_then_of_all():
    many = [[("bird", score)] for score in np.linspace(0.6, 0.9, 40)]
    truth = np.array([PLACES["bird"]] * 40 + [PLACES["tool"]])

    rows = by_node(calibrate_nodes(TREE, near(*many, [("tool", 0.95)]), truth))

    assert (rows["bird"].basis, rows["fish"].basis) == (Basis.OWN, Basis.SIBLINGS)
    assert rows["fish"].threshold == rows["bird"].threshold
    assert (rows["fish"].references, rows["fish"].coverage, rows["fish"].risk) == (0, None, None)
    assert rows["tool"].basis is Basis.SIBLINGS
    assert rows["tool"].references == 1


def test_with_one_reference_the_default_stays():
    rows = calibrate_nodes(TREE, near([("tool", 0.9)]), np.array([PLACES["tool"]]))

    assert {row.basis for row in rows} == {Basis.NOTHING}
    assert {row.threshold for row in rows} == {MatchPolicy().threshold}


def test_without_any_reference_there_are_rows_with_defaults():
    nothing = Neighbours(np.zeros((0, 5), str), np.zeros((0, 5), np.float32), np.zeros((0, 5), np.intp))

    assert [row.references for row in calibrate_nodes(TREE, nothing, np.zeros(0, np.intp))] == [0, 0, 0, 0]


def test_what_shows_the_same_thing_does_not_vote():
    neighbours = near([("bird", 0.9), ("fish", 0.8), ("tool", 0.7)])

    voters = without_group(neighbours, np.array(["a"]), np.array([["a", "b", "a"]]), k=2)

    assert voters.ids[0, 0] == "fish-1"
    assert voters.nodes.tolist() == [[PLACES["fish"], NOBODY]]


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
