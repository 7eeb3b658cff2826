"""Rates."""

import pytest

from loop.rates.rates import (
    Grouping,
    RatedVerdict,
    Rates,
    choose_largest,
    count,
    estimate_missed,
    name_cohort,
    rate_groups,
)
from loop.reviews.verdicts import Decision


def judged(decision, **fields):
    return RatedVerdict(
        **{"decision": decision, "version": "a@1", "label": "Car", "stream": "queue", "week": "w", **fields}
    )


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
    assert (count([]).confirmed_rate, count([]).ready_rate) == (None, None)


def test_verdicts_are_grouped_by_what_is_asked_for():
    verdicts = [
        judged(Decision.CONFIRMED),
        judged(Decision.CORRECTED, label="Person", is_relabelled=True),
        judged(Decision.MISSED, stream="audit"),
    ]

    assert rate_groups(verdicts, Grouping.LABEL) == {
        "Car": Rates(confirmed=1, missed=1),
        "Person": Rates(corrected=1, relabelled=1),
    }
    assert list(rate_groups(verdicts, Grouping.STREAM)) == ["queue", "audit"]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        pytest.param("camera 7", "camera 7", id="text"),
        pytest.param(7, "7", id="number"),
        pytest.param(0, "0", id="zero"),
        pytest.param(False, "false", id="truth"),
        pytest.param({"b": 1, "a": [None]}, '{"a": [null], "b": 1}', id="object"),
        pytest.param(None, "(none)", id="null"),
        pytest.param("", "(none)", id="empty"),
    ],
)
def test_a_cohort_is_a_value_of_any_type(value, name):
    assert name_cohort({"source": value}, "source") == name
    assert name_cohort({}, "source") == "(none)"


def test_the_largest_groups_come_first():
    groups = {"small": Rates(missed=1), "large": Rates(confirmed=5, missed=5), "middle": Rates(false_positive=4)}

    assert list(choose_largest(groups, 2)) == ["large", "middle"]
    assert len(choose_largest(groups, 0)) == 3


def test_what_the_audit_says_is_told_from_the_audit_alone():
    verdicts = [judged(Decision.MISSED, task_id=task, stream="queue") for task in range(50)]
    verdicts += [judged(Decision.CONFIRMED, task_id=task, stream="audit") for task in range(100, 110)]
    verdicts += [judged(Decision.MISSED, task_id=100, stream="audit")]

    missed = estimate_missed(verdicts)

    assert missed.share == pytest.approx(1 / 11)
    assert missed.tasks == 10
    assert estimate_missed(verdicts[:50]) is None
