"""Areas under learning curves, and the labels that a precision needs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.learning.curves import area, labels_needed, mean_over_seeds

values = st.lists(st.floats(0, 1), min_size=1, max_size=8)


@given(values, st.floats(0, 100))
def test_the_area_is_a_mean_height(heights, end):
    labelled = [10.0 * number for number in range(1, len(heights) + 1)]

    assert min(heights) - 1e-9 <= area(labelled, heights, min(end, labelled[-1])) <= max(heights) + 1e-9


def test_a_curve_that_rises_early_has_the_larger_area():
    assert area([0, 10, 20], [0.0, 0.5, 0.6], 20) > area([0, 10, 20], [0.0, 0.2, 0.6], 20)
    assert area([0, 10, 30], [0.0, 1.0, 1.0], 30) == pytest.approx((5 + 20) / 30)


def test_a_curve_is_cut_at_an_end_between_two_points():
    assert area([0, 10], [0.0, 1.0], 5) == pytest.approx(0.25)


def test_labels_are_read_between_two_points_of_the_curve():
    assert labels_needed([10, 20, 30], [0.1, 0.3, 0.5], 0.4) == 25
    assert labels_needed([10, 20], [0.1, 0.3], 0.05) == 10
    assert labels_needed([10, 20], [0.1, 0.3], 0.4) is None


def test_the_interval_over_three_seeds_is_that_of_students_t():
    between = mean_over_seeds([0.1, 0.2, 0.3])

    assert (between.mean, between.low, between.high) == pytest.approx((0.2, 0.2 - 0.2484, 0.2 + 0.2484), abs=1e-3)


def test_one_seed_has_no_interval():
    assert mean_over_seeds([0.4]).text() == "0.400 (one seed)"
