"""Rates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.rates import By, Interval, Judged, Rates, advise, count, group, wilson
from loop.verdicts import Decision


def judged(decision, **fields):
    return Judged(**{"decision": decision, "version": "a@1", "label": "Car", "stream": "queue", "week": "w", **fields})


def test_each_rate_is_a_share_of_what_it_could_have_been():
    rates = Rates(confirmed=6, corrected=3, false_positive=1, missed=6)

    assert rates.shares() == {
        "confirmed": (6, 10),
        "corrected": (3, 10),
        "false_positive": (1, 10),
        "missed": (6, 15),
    }
    assert (rates.confirmed_rate, rates.ready_rate) == (0.6, 0.4)


def test_of_nothing_there_is_no_rate():
    assert (count([]).confirmed_rate, count([]).ready_rate, wilson(0, 0)) == (None, None, None)


def test_verdicts_are_grouped_by_what_is_asked_for():
    verdicts = [
        judged(Decision.CONFIRMED),
        judged(Decision.CORRECTED, label="Person", is_relabelled=True),
        judged(Decision.MISSED, stream="audit"),
    ]

    assert group(verdicts, By.LABEL) == {
        "Car": Rates(confirmed=1, missed=1),
        "Person": Rates(corrected=1, relabelled=1),
    }
    assert list(group(verdicts, By.STREAM)) == ["queue", "audit"]


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


@pytest.mark.parametrize(
    ("rates", "word"),
    [
        pytest.param(Rates(confirmed=80, missed=20), "missed", id="missed"),
        pytest.param(Rates(confirmed=50, false_positive=50), "threshold", id="false-positives"),
        pytest.param(Rates(confirmed=50, corrected=50), "moved", id="moved"),
        pytest.param(Rates(confirmed=50, corrected=50, relabelled=50), "confused", id="relabelled"),
    ],
)
def test_a_high_rate_calls_for_an_action(rates, word):
    (advice,) = advise(rates)

    assert word in advice


def test_a_high_rate_of_little_calls_for_nothing_yet():
    assert advise(Rates(confirmed=9, missed=1)) == []
