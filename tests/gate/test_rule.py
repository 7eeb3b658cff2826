"""The gate."""

from dataclasses import replace

import numpy as np
import pytest

from loop.gate.comparison import Comparison, Latency, MetricChange, Part, contrast
from loop.gate.evaluation import Metrics
from loop.gate.rule import GateOutcome, GatePolicy, find_objection, rule
from loop.rates.intervals import expand_level
from scripts.bench.harmed_evaluations import draw, harm, thin
from tests.gate.builders import evaluation

POLICY = GatePolicy()
BETTER = MetricChange(0.4, 0.5, 0.04, 0.16, 0.999)
UNSURE = MetricChange(0.4, 0.42, -0.03, 0.07, 0.8)
DROPPED = MetricChange(0.6, 0.2, -0.55, -0.25, 0.0)


def compared(overall=BETTER, classes=(), known=None, latency=None, images=50, boxes=150):
    before, after = Metrics(0.5, overall.champion, images, boxes), Metrics(0.6, overall.candidate, images, boxes)
    return Comparison(before, after, overall, tuple(classes), known, None, (), latency, 1000)


def test_a_candidate_that_leads_for_sure_is_promoted():
    ruling = rule(compared(), POLICY)

    assert ruling.outcome is GateOutcome.PROMOTED
    assert "0.500 against 0.400" in ruling.reason


def test_a_lead_that_may_be_chance_is_refused():
    ruling = rule(compared(UNSURE), POLICY)

    assert ruling.outcome is GateOutcome.REFUSED
    assert "80.0% of resamples where 95.5% are needed" in ruling.reason


@pytest.mark.parametrize(
    ("images", "boxes", "needed"),
    [(9, 100, "10 images"), (100, 29, "30 boxes"), (0, 0, "10 images and 30 boxes")],
)
@pytest.mark.parametrize("overall", [BETTER, UNSURE])
def test_on_too_small_a_split_a_person_decides_and_is_told_of_what_there_is_too_little(images, boxes, needed, overall):
    ruling = rule(compared(overall, images=images, boxes=boxes), POLICY)

    assert ruling.outcome is GateOutcome.HELD
    size = f"on only {images} held-out images with {boxes} boxes"
    assert ruling.reason.endswith(f"{size}: {needed} are needed to tell, so a person decides")


FIRST = MetricChange(0.0, 0.12, 0.03, 0.3, 0.998)


@pytest.mark.parametrize(("images", "boxes"), [(5, 5), (9, 100), (10, 29)])
def test_on_a_small_split_a_version_serves_that_is_better_than_nothing_beyond_doubt(images, boxes):
    ruling = rule(compared(FIRST, images=images, boxes=boxes), POLICY)

    assert ruling.outcome is GateOutcome.PROMOTED
    assert "0.120 against 0.000" in ruling.reason


@pytest.mark.parametrize(
    ("overall", "images"),
    [
        pytest.param(replace(FIRST, low=0.0), 9, id="it-may-be-chance"),
        pytest.param(replace(FIRST, champion=0.02), 9, id="the-champion-finds-something"),
        pytest.param(FIRST, 4, id="too-few-to-have-an-interval"),
    ],
)
def test_on_a_small_split_a_person_decides_unless_all_is_beyond_doubt(overall, images):
    assert rule(compared(overall, images=images, boxes=20), POLICY).outcome is GateOutcome.HELD


def test_beside_a_champion_that_finds_nothing_a_version_that_is_too_slow_is_refused_all_the_same():
    ruling = rule(compared(FIRST, images=7, boxes=9, latency=Latency(10.0, 40.0)), POLICY)

    assert ruling.outcome is GateOutcome.REFUSED


def test_a_class_that_falls_too_far_is_named_and_refused():
    ruling = rule(compared(classes=[Part("Bird", 12, 20, DROPPED), Part("Fish", 12, 20, BETTER)]), POLICY)

    assert ruling.outcome is GateOutcome.REFUSED
    assert "class Bird falls" in ruling.reason
    assert "Fish" not in ruling.reason


@pytest.mark.parametrize(
    "unsure",
    [
        pytest.param(MetricChange(0.6, 0.4, -0.4, -0.04, 0.0), id="it-may-be-little"),
        pytest.param(MetricChange(0.6, 0.51, -0.12, -0.06, 0.0), id="it-is-little"),
    ],
)
def test_a_class_that_may_have_lost_little_does_not_block(unsure):

    assert rule(compared(classes=[Part("Bird", 12, 20, unsure)]), POLICY).outcome is GateOutcome.PROMOTED


def test_a_class_on_few_images_does_not_block():
    """Its interval would be made of resamples of the same two images."""
    assert rule(compared(classes=[Part("Bird", 2, 3, DROPPED)]), POLICY).outcome is GateOutcome.PROMOTED


def test_forgetting_is_refused_and_named():
    ruling = rule(compared(known=Part("known", 30, 90, DROPPED)), POLICY)

    assert ruling.outcome is GateOutcome.REFUSED
    assert "forgets: on the 30 held-out images with 90 boxes that the champion was first measured on" in ruling.reason


@pytest.mark.parametrize(("milliseconds", "outcome"), [(14.9, GateOutcome.PROMOTED), (15.1, GateOutcome.REFUSED)])
def test_a_candidate_may_take_so_much_longer_and_no_more(milliseconds, outcome):
    assert rule(compared(latency=Latency(10.0, milliseconds)), POLICY).outcome is outcome


@pytest.mark.parametrize(("images", "share"), [(2, 1.0), (10, 0.973), (16, 0.965), (64, 0.954), (10_000, 0.95)])
def test_on_few_images_it_must_lead_in_more_resamples(images, share):
    """Student's t over the normal: a bootstrap of few images is too sure of itself."""
    assert expand_level(0.95, images) == pytest.approx(share, abs=0.001)


def test_every_objection_is_named():
    dropped, slow = Part("Bird", 12, 20, DROPPED), Latency(10.0, 40.0)

    assert len(rule(compared(UNSURE, classes=[dropped], latency=slow), POLICY).reasons) == 3


@pytest.mark.parametrize(
    ("outcome", "has_served", "objection"),
    [
        pytest.param(GateOutcome.PROMOTED, False, None, id="passed"),
        pytest.param(GateOutcome.REFUSED, False, "the gate refused it", id="refused"),
        pytest.param(GateOutcome.HELD, False, "the gate held it", id="held"),
        pytest.param(None, False, "the gate never judged it, or its report is gone", id="never-judged"),
        pytest.param(GateOutcome.REFUSED, True, None, id="refused-and-served"),
        pytest.param(None, True, None, id="start-weights"),
    ],
)
def test_who_may_be_promoted_by_hand(outcome, has_served, objection):
    assert find_objection(outcome, has_served=has_served) == objection


POOL = evaluation(800, [f"class {number}" for number in range(6)], boxes=4)
NOISE = 0.1
BASE = harm(POOL, NOISE, seed=1)
WORSE = harm(POOL, NOISE + 0.15, seed=2)
RUNS, SIZE = 50, 64


def outcomes(champion, candidate):
    rng = np.random.default_rng(7)
    for seed in range(RUNS):
        images = rng.integers(0, 800, SIZE)
        sides = draw(champion, images), draw(candidate, images)
        yield rule(contrast(*sides, resamples=100, seed=seed), POLICY).outcome


def test_on_64_images_a_truly_better_candidate_is_promoted_nearly_always():
    assert list(outcomes(WORSE, BASE)).count(GateOutcome.PROMOTED) >= 0.95 * RUNS


def test_on_64_images_a_truly_worse_candidate_is_promoted_nearly_never():
    assert list(outcomes(BASE, WORSE)).count(GateOutcome.PROMOTED) <= 0.02 * RUNS


def test_on_64_images_one_that_is_as_good_is_promoted_rarely():
    assert list(outcomes(harm(POOL, NOISE, seed=3), BASE)).count(GateOutcome.PROMOTED) <= 0.15 * RUNS


def test_a_better_candidate_that_lost_a_class_is_refused():
    lost = harm(POOL, 1.0, seed=4, of_class=2)
    champion = harm(POOL, 0.25, seed=5)

    assert contrast(champion, lost, resamples=1).overall.lead > 0
    assert set(outcomes(champion, lost)) == {GateOutcome.REFUSED}


def test_a_first_version_beside_one_that_knows_no_class_needs_no_person_when_there_is_enough_to_tell():
    few = np.arange(POLICY.least_images)
    champion, candidate = (draw(one, few) for one in (POOL.without_detections(), harm(POOL, 0.6, seed=6)))

    assert rule(contrast(champion, candidate), POLICY).outcome is GateOutcome.PROMOTED


def test_a_person_is_asked_about_what_the_policy_says_and_not_about_more():
    few = np.arange(3)
    comparison = contrast(draw(POOL.without_detections(), few), draw(POOL, few))

    assert rule(comparison, POLICY).outcome is GateOutcome.HELD
    assert rule(comparison, replace(POLICY, least_images=1, least_boxes=1)).outcome is GateOutcome.PROMOTED


@pytest.mark.parametrize("size", [5, 7, 9])
def test_on_few_images_no_version_gets_past_a_champion_that_finds_something_without_a_person(size):
    """A champion that finds one box in five is not taken for one that finds nothing: at most 2% of the draws."""
    better, worse = thin(POOL, 0.2, seed=1), thin(POOL, 0.1, seed=2)
    rng = np.random.default_rng(size)
    outcomes = []
    for seed in range(RUNS):
        images = rng.integers(0, len(POOL.images), size)
        outcomes.append(rule(contrast(draw(better, images), draw(worse, images), resamples=200, seed=seed), POLICY))

    assert sum(ruling.outcome is GateOutcome.PROMOTED for ruling in outcomes) <= 1


def test_the_first_version_of_a_project_serves_with_the_defaults():
    """50 reviews leave about 10 images; these have 20 boxes, and the start weights know none of their classes."""
    first = thin(evaluation(10, boxes=2), 0.5, seed=3)

    ruling = rule(contrast(first.without_detections(), first), POLICY)

    assert ruling.outcome is GateOutcome.PROMOTED
