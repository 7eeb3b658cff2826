"""Verdicts on a prediction that the reviewer did not see."""

from dataclasses import replace

import pytest

from loop.reviews.verdicts import Decision, judge_by_overlap
from tests.builders import box, region


def test_by_overlap_a_box_set_aside_is_confirmed_and_another_label_is_not():
    aside, other = region("p", at=box(0.12, 0.1, 0.42, 0.4)), region("q", "Person", at=box(0.6, 0.6, 0.9, 0.9))
    left = [region("a"), region("b", "Car", at=box(0.6, 0.6, 0.9, 0.9))]

    verdicts = judge_by_overlap([aside, other], left)

    assert [(one.decision, one.predicted.id, one.reviewed.id) for one in verdicts] == [
        (Decision.CONFIRMED, "p", "a"),
        (Decision.CORRECTED, "q", "b"),
    ]


def test_by_overlap_the_id_says_nothing():
    far = region("same", at=box(0.6, 0.6, 0.9, 0.9))

    decisions = [one.decision for one in judge_by_overlap([region("same")], [far])]

    assert sorted(decisions) == [Decision.FALSE_POSITIVE, Decision.MISSED]


@pytest.mark.parametrize("drawn", [{"shape": "polygon"}, {"rotation": 30.0}])
def test_by_overlap_a_region_of_another_form_around_the_same_object_confirms(drawn):
    (verdict,) = judge_by_overlap([region("p")], [replace(region("a"), **drawn)])

    assert (verdict.decision, verdict.is_moved) == (Decision.CONFIRMED, False)
