"""Verdicts."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.regions import Box, Region
from loop.reviews.verdicts import Decision, counted_review_key, judge, seen_by_reviewer
from tests.builders import NOON, region

HERE, NEARBY, ELSEWHERE = Box(0.1, 0.1, 0.4, 0.4), Box(0.12, 0.1, 0.42, 0.4), Box(0.6, 0.6, 0.9, 0.9)


def decisions(predicted, reviewed):
    return [verdict.decision for verdict in judge(predicted, reviewed)]


def test_a_prediction_left_alone_is_confirmed():
    assert decisions([region("p", at=HERE)], [region("p", at=HERE)]) == [Decision.CONFIRMED]


def test_rounding_on_the_way_is_no_correction():
    rounded = Box(0.1000001, 0.1, 0.4, 0.3999999)

    assert decisions([region("p", at=HERE)], [region("p", at=rounded)]) == [Decision.CONFIRMED]


def test_a_moved_prediction_is_corrected_however_far_it_went():
    (verdict,) = judge([region("p", at=HERE)], [region("p", at=ELSEWHERE)])

    assert verdict.decision == Decision.CORRECTED
    assert not verdict.is_relabelled


def test_a_relabelled_prediction_is_corrected():
    (verdict,) = judge([region("p", "Car")], [region("p", "Person")])

    assert verdict.decision == Decision.CORRECTED
    assert verdict.is_relabelled


def test_moved_and_relabelled_are_told_apart():
    moved, relabelled, both = judge(
        [region("m"), region("r", at=Box(0.5, 0.1, 0.6, 0.2)), region("b", at=Box(0.8, 0.1, 0.9, 0.2))],
        [
            region("m", at=Box(0.12, 0.1, 0.4, 0.4)),
            region("r", "Person", at=Box(0.5, 0.1, 0.6, 0.2)),
            region("b", "Person", at=Box(0.8, 0.1, 0.9, 0.25)),
        ],
    )

    assert (moved.is_moved, moved.is_relabelled) == (True, False)
    assert (relabelled.is_moved, relabelled.is_relabelled) == (False, True)
    assert (both.is_moved, both.is_relabelled) == (True, True)


def test_a_turned_box_was_moved_though_its_enclosing_box_is_the_same():
    turned = replace(region("p"), rotation=90.0)

    (verdict,) = judge([region("p")], [turned])

    assert verdict.decision == Decision.CORRECTED
    assert verdict.is_moved


def test_of_a_split_one_part_is_a_correction_and_the_other_was_missed():
    whole = region("p", at=Box(0.1, 0.1, 0.5, 0.3))

    verdicts = judge([whole], [region("p", at=Box(0.1, 0.1, 0.3, 0.3)), region("new", at=Box(0.3, 0.1, 0.5, 0.3))])

    assert [one.decision for one in verdicts] == [Decision.CORRECTED, Decision.MISSED]


def test_of_a_merge_one_part_is_a_correction_and_the_other_a_false_positive():
    predicted = [region("l", at=Box(0.1, 0.1, 0.3, 0.3)), region("r", at=Box(0.3, 0.1, 0.5, 0.3))]

    verdicts = judge(predicted, [region("l", at=Box(0.1, 0.1, 0.5, 0.3))])

    assert [one.decision for one in verdicts] == [Decision.CORRECTED, Decision.FALSE_POSITIVE]


def test_of_duplicates_one_is_confirmed():
    verdicts = judge([region("a"), region("b")], [region("b")])

    assert [one.decision for one in verdicts] == [Decision.FALSE_POSITIVE, Decision.CONFIRMED]


def test_in_a_crowd_without_ids_every_box_finds_its_own():
    at = [Box(0.1 + 0.02 * n, 0.1, 0.16 + 0.02 * n, 0.9) for n in range(30)]
    predicted = [region(f"p{n}", at=box) for n, box in enumerate(at)]

    verdicts = judge(predicted, [region("", at=box) for box in reversed(at)])

    assert {one.decision for one in verdicts} == {Decision.CONFIRMED}


def test_a_deleted_prediction_is_a_false_positive():
    assert decisions([region("p")], []) == [Decision.FALSE_POSITIVE]


def test_a_region_drawn_by_hand_was_missed():
    assert decisions([], [region("m")]) == [Decision.MISSED]


def test_without_ids_the_overlap_tells():
    assert decisions([region("p", at=HERE)], [region("x", at=HERE)]) == [Decision.CONFIRMED]
    assert decisions([region("p", at=HERE)], [region("x", at=NEARBY)]) == [Decision.CORRECTED]


def test_too_little_overlap_is_another_object():
    assert decisions([region("p", at=HERE)], [region("x", at=ELSEWHERE)]) == [
        Decision.FALSE_POSITIVE,
        Decision.MISSED,
    ]


def test_the_id_counts_more_than_the_overlap():
    predicted = [region("p", at=HERE), region("q", at=ELSEWHERE)]
    swapped = [region("p", at=ELSEWHERE), region("q", at=HERE)]

    assert decisions(predicted, swapped) == [Decision.CORRECTED, Decision.CORRECTED]


def test_of_two_predictions_on_one_object_the_closer_is_kept():
    close, closer = region("p", at=Box(0.1, 0.1, 0.4, 0.45)), region("q", at=HERE)

    assert decisions([close, closer], [region("x", at=HERE)]) == [Decision.FALSE_POSITIVE, Decision.CONFIRMED]


def test_a_pair_is_not_given_up_for_one_that_counts_for_nothing():
    # Greedy pairing by total overlap would pair a with its half-overlapping neighbour.
    predicted = [region("a", at=Box(0.0, 0.0, 0.4, 0.4)), region("b", at=Box(0.2, 0.0, 0.6, 0.4))]
    reviewed = [region("x", at=Box(0.0, 0.0, 0.4, 0.4))]

    assert decisions(predicted, reviewed) == [Decision.CONFIRMED, Decision.FALSE_POSITIVE]


def test_of_two_on_the_same_place_the_label_decides():
    predicted = [region("p", "Car", HERE), region("q", "Person", HERE)]
    reviewed = [region("x", "Person", HERE), region("y", "Car", HERE)]

    assert decisions(predicted, reviewed) == [Decision.CONFIRMED, Decision.CONFIRMED]


@pytest.mark.parametrize("order", [1, -1])
def test_of_the_labels_of_one_object_each_is_judged(order):
    predicted = [region("p", "Car", at=HERE), region("q", "Person", at=HERE)]
    reviewed = [region("p", "Car", at=HERE), region("p", "Person", at=HERE)][::order]

    assert decisions(predicted, reviewed) == [Decision.CONFIRMED] * 2
    assert decisions(predicted[:1], reviewed) == [Decision.CONFIRMED, Decision.MISSED]


def test_an_object_with_two_labels_is_untouched_where_one_of_them_is():
    seen, other = [region("p", "Car", at=HERE)], [region("p", "Car", at=ELSEWHERE)]
    reviewed = [region("p", "Car", at=HERE), region("p", "Person", at=HERE)]

    assert seen_by_reviewer(reviewed, 100.0, [(1.0, seen), (2.0, other)]) == 0


def test_an_id_used_twice_pairs_once():
    assert decisions([region("p")], [region("p"), region("p")]) == [Decision.CONFIRMED, Decision.MISSED]


coordinates = st.integers(0, 6).map(lambda n: n / 6)
labels = st.sampled_from(["Car", "Person", ""])


@st.composite
def scenes(draw, ids):
    regions = []
    for _ in range(draw(st.integers(0, 8))):
        x, y = draw(coordinates), draw(coordinates)
        at = Box(x, y, x + draw(coordinates), y + draw(coordinates))
        regions.append(Region(draw(ids), at, draw(labels)))
    return regions


@given(scenes(st.sampled_from("abcdef")), scenes(st.sampled_from("abcdefxyz") | st.just("")))
def test_every_region_is_in_exactly_one_verdict(predicted, reviewed):
    verdicts = judge(predicted, reviewed)

    counts = Counter(verdict.decision for verdict in verdicts)
    paired = counts[Decision.CONFIRMED] + counts[Decision.CORRECTED]
    assert paired + counts[Decision.FALSE_POSITIVE] == len(predicted)
    assert paired + counts[Decision.MISSED] == len(reviewed)
    assert sorted(id(verdict.predicted) for verdict in verdicts if verdict.predicted) == sorted(map(id, predicted))
    assert sorted(id(verdict.reviewed) for verdict in verdicts if verdict.reviewed) == sorted(map(id, reviewed))


def test_a_shared_id_tells_which_prediction_was_seen():
    old, new = [region("old-1")], [region("new-1")]

    assert seen_by_reviewer([region("old-1"), region("drawn")], 100.0, [(1.0, old), (2.0, new)]) == 0


def test_of_answers_logged_under_the_same_ids_the_reviewer_saw_the_one_whose_boxes_they_left():
    """Ids once stood for ranks, so that two answers of a version could have the same."""
    seen = [region("0", at=HERE), region("1", at=ELSEWHERE)]
    other = [region("0", at=ELSEWHERE), region("1", at=Box(0, 0, 1, 1))]

    for served in ([(1.0, seen), (2.0, other)], [(1.0, other), (2.0, seen)]):
        assert served[seen_by_reviewer([*seen, region("drawn")], 100.0, served)][1] == seen


@pytest.mark.parametrize(("began", "index"), [(0.0, 0), (1.5, 0), (2.5, 1), (3.5, 2)])
def test_of_predictions_with_all_that_is_left_the_reviewer_saw_the_one_that_was_shown_when_they_began(began, index):
    """Labels by references are added to a prediction, and taken back, while somebody may have it open."""
    car, person = region("car"), region("person", "Person", at=ELSEWHERE)
    served = [(1.0, [car]), (2.0, [car, person]), (3.0, [car])]

    assert seen_by_reviewer([car, region("drawn", "Person", at=ELSEWHERE)], began, served) == index


def test_without_a_shared_id_the_newest_before_the_review_was_seen():
    older, newer, later = [region("a")], [region("b")], [region("c")]

    assert seen_by_reviewer([region("drawn")], 10.0, [(1.0, older), (2.0, newer), (11.0, later)]) == 1


def test_what_was_served_after_the_review_was_not_seen():
    assert seen_by_reviewer([region("drawn")], 10.0, [(11.0, [region("c")])]) is None


@pytest.mark.parametrize(
    ("larger", "smaller"),
    [
        pytest.param((True, 1, 1), (False, 2, 2), id="ground-truth-before-later"),
        pytest.param((False, 2, 1), (False, 1, 2), id="later-before-earlier"),
        pytest.param((False, 1, 2), (False, 1, 1), id="of-the-same-time-the-higher-id"),
    ],
)
def test_one_review_of_a_task_counts(larger, smaller):
    def key(truth, minutes, annotation):
        at = NOON + timedelta(minutes=minutes)
        return counted_review_key(is_ground_truth=truth, at=at, annotation=annotation)

    assert key(*larger) > key(*smaller)
