"""Intervals of shares, and the missed rate over all tasks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.rates.audit import PredictedTask, find_done_line, pool_versions
from loop.rates.intervals import BoxCluster, Interval, estimate, wilson
from scripts.bench.rates import measure_ways


@pytest.mark.parametrize(
    ("successes", "total", "low", "high"),
    [  # the intervals that R's prop.test(correct = FALSE) gives
        (0, 10, 0.0, 0.2775),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (50, 1000, 0.0381, 0.0653),
    ],
)
def test_wilsons_interval(successes, total, low, high):
    interval = wilson(successes, total)

    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 500).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_a_share_lies_within_its_interval(pair):
    successes, total = pair

    interval = wilson(successes, total)

    assert isinstance(interval, Interval)
    assert 0.0 <= interval.low <= successes / total + 1e-12
    assert successes / total - 1e-12 <= interval.high <= 1.0


def test_of_nothing_there_is_no_interval():
    assert wilson(0, 0) is None
    assert estimate([]) is None
    assert estimate([BoxCluster(1, 2)]) is None


def test_boxes_that_are_missed_together_say_less_than_boxes_that_are_missed_alone():
    together = estimate([BoxCluster(5, 5)] * 10 + [BoxCluster(0, 5)] * 10)
    alone = estimate([BoxCluster(2, 5), BoxCluster(3, 5)] * 10)

    assert together.share == alone.share == 0.5
    assert together.interval.high - together.interval.low > 3 * (alone.interval.high - alone.interval.low)


def test_where_nothing_was_missed_the_tasks_are_what_counts():
    estimated = estimate([BoxCluster(0, 50)] * 20)

    assert estimated.share == 0.0
    assert 0.1 < estimated.interval.high < 0.25


def test_of_all_there_is_the_share_is_known():
    estimated = estimate([BoxCluster(1, 2), BoxCluster(0, 2)], population=2)

    assert (estimated.share, estimated.interval) == (0.25, Interval(0.25, 0.25))


def queue(*reviewed, start=0.0):
    return [PredictedTask(at, start + at / 100, False, one, objects=1) for at, one in enumerate(reviewed)]


def test_the_queue_is_done_up_to_the_first_that_is_open():
    assert find_done_line(queue(True, True, False, True)) == 0.01
    assert find_done_line(queue(False, True)) == -1.0
    assert find_done_line([]) == -1.0


def test_of_tasks_with_one_score_all_must_be_done():
    tied = [PredictedTask(task, 0.5, False, task < 3) for task in range(4)]

    assert find_done_line([*queue(True), *tied]) == 0.0


def test_what_is_done_stands_for_itself_and_the_audit_above_it_for_the_rest():
    done = [PredictedTask(task, 0.1, False, True, 1, 1) for task in range(50)]  # all missed
    left = [PredictedTask(task, 0.9, False) for task in range(100, 140)]
    audit = [PredictedTask(task, 0.9, True, True, 0, 1) for task in range(200, 210)]  # nothing missed
    like_done = [PredictedTask(task, 0.05, True, True, 1, 1) for task in range(300, 303)]

    (estimated,) = pool_versions([[*done, *left, *audit, *like_done]])

    assert estimated.share == pytest.approx(53 / 103)  # 53 of 53, and 0 of 50


def test_an_audited_task_stands_for_nothing_once_the_queue_is_past_its_like():
    first = [PredictedTask(task, 0.1, False, True, 1, 1) for task in range(20)]
    hard, easy = (
        [PredictedTask(task, score, True) for task in tasks] for score, tasks in ((0.05, (90, 91)), (0.9, (92, 93)))
    )
    again = [PredictedTask(task, 0.5, True, True, missed, 1) for task, missed in ((90, 1), (91, 1), (92, 0), (93, 0))]
    open_still = [PredictedTask(task, 0.6, False) for task in range(30, 50)]

    _, estimated = pool_versions([[*first, *hard, *easy, *open_still], [*open_still, *again]])

    assert estimated.share == 0.0


def test_with_too_little_audited_nothing_is_said():
    assert pool_versions([queue(True, False, False)]) == [None]
    assert pool_versions([[]]) == [None]


@pytest.fixture(scope="module")
def played():
    """Ways to estimate, on projects whose truth is known and of which three tenths are done."""
    ways = ("audit alone", "both, post-stratified", "all reviews, plain", "audit for the rest")
    return measure_ways(ways, 0.3, projects=120, seed=3)


@pytest.mark.parametrize(("way", "widest"), [("audit alone", 0.35), ("both, post-stratified", 0.25)])
def test_the_estimate_is_unbiased_and_its_interval_holds(played, way, widest):
    simulated = played[way]

    assert abs(simulated.bias) < 3 * simulated.spread / 120**0.5
    assert simulated.coverage >= 0.9
    assert simulated.width < widest


@pytest.mark.parametrize("way", ["all reviews, plain", "audit for the rest"])
def test_the_ways_that_come_to_mind_first_are_wrong(played, way):
    assert played[way].bias > 3 * played[way].spread / 120**0.5
