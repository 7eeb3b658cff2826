"""Changes of a rate in the order of time, and the alerts they call for."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from loop.rates.alerts import find_alerts, read_alert
from loop.rates.change_points import TaskOutcome, find_changes
from loop.rates.rates import RatedVerdict
from loop.reviews.verdicts import Decision
from scripts.bench.simulated_projects import Year, simulate_year
from tests.builders import NOON


def outcomes(*rooms, seed=1, boxes=4):
    """Tasks by (how many, bad share); a third number is their class."""
    rng = np.random.default_rng(seed)
    return [
        TaskOutcome(int(rng.binomial(boxes, share)), boxes, *risk)
        for count, share, *risk in rooms
        for _ in range(count)
    ]


def test_a_fall_is_seen_and_placed():
    (change,) = find_changes(outcomes((200, 0.1), (60, 0.4)))

    assert change.is_worse
    assert change.first == pytest.approx(200, abs=5)
    assert change.seen < 230
    assert (change.before, change.after) == (pytest.approx(0.1, abs=0.05), pytest.approx(0.4, abs=0.15))


def test_after_a_change_the_rate_is_learned_anew():
    better, worse = find_changes(outcomes((200, 0.6), (150, 0.1), (60, 0.4)))

    assert not better.is_worse
    assert worse.is_worse
    assert worse.before == pytest.approx(0.1, abs=0.05)


def test_what_was_seen_does_not_depend_on_what_comes_later():
    tasks = outcomes((200, 0.1), (300, 0.4), (200, 0.1))

    whole = find_changes(tasks)

    for end in (210, 240, 400, 560):
        assert find_changes(tasks[:end]) == [one for one in whole if one.seen < end]


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_a_steady_rate_is_no_change(share):
    assert find_changes(outcomes((1500, share))) == []


def test_hard_tasks_that_come_together_are_no_change_where_their_class_is_known():
    blocks = [(40, 0.5, 0), (80, 0.05, 1)] * 6

    assert find_changes(outcomes(*blocks)) == []
    assert find_changes(outcomes(*(block[:2] for block in blocks)))


@pytest.mark.parametrize("seed", range(5))
def test_boxes_that_are_bad_together_are_no_change(seed):
    bad = np.random.default_rng(seed).binomial(1, 0.2, 400) * 10

    assert find_changes([TaskOutcome(int(one), 10) for one in bad]) == []


def test_too_few_tasks_say_nothing():
    assert find_changes([]) == []
    assert find_changes([TaskOutcome(0, 1)] * 20 + [TaskOutcome(1, 1)] * 9) == []


def verdicts(*rooms, start=0, **fields):
    """A verdict a task by (how many, decision)."""
    seen = RatedVerdict(Decision.CONFIRMED, "a@1", "Car", "queue", "w", confidence=0.9)
    decisions = [decision for count, decision in rooms for _ in range(count)]
    return [
        replace(seen, decision=decision, task_id=start + at, reviewed_at=NOON + timedelta(minutes=start + at), **fields)
        for at, decision in enumerate(decisions)
    ]


def test_a_fall_calls_for_an_alert_of_each_rate_it_shows_in():
    alerts = find_alerts(verdicts((100, Decision.CONFIRMED), (30, Decision.FALSE_POSITIVE)))

    assert {(one.cohort, one.rate) for one in alerts} == {("all tasks", "confirmed"), ("all tasks", "false_positive")}
    first = alerts[0]
    assert (first.first_task, first.before, first.after) == (100, 1.0, 0.0)
    assert str(first).startswith("all tasks: confirmed fell from 100% to 0%")
    assert read_alert(first.body()) == first


def test_a_fall_in_one_cohort_is_told_of_that_cohort():
    steady = verdicts((900, Decision.CONFIRMED), start=0, cohort="a")
    falling = verdicts((60, Decision.CONFIRMED), (30, Decision.CORRECTED), start=1000, cohort="b")

    alerts = find_alerts([*steady, *falling], field="source")

    assert "source=b" in {one.cohort for one in alerts}
    assert "source=a" not in {one.cohort for one in alerts}


def test_a_promotion_that_improves_the_rates_calls_for_nothing_and_a_fall_after_it_does():
    before = verdicts((60, Decision.CORRECTED), version="a@1")
    after = verdicts((80, Decision.CONFIRMED), start=60, version="a@2")
    fall = verdicts((30, Decision.CORRECTED), start=140, version="a@2")

    assert find_alerts([*before, *after]) == []
    (alert,) = find_alerts([*before, *after, *fall])

    assert (alert.before, alert.version_before, alert.version_after) == (1.0, "a@2", "a@2")


def test_a_fall_with_a_promotion_names_the_version():
    alerts = find_alerts(
        [*verdicts((80, Decision.CONFIRMED)), *verdicts((30, Decision.CORRECTED), start=80, version="a@2")]
    )

    assert str(alerts[0]).endswith("since a@2 serves")


def test_cohorts_of_a_task_each_are_not_watched():
    many = verdicts((300, Decision.CONFIRMED))

    assert find_alerts([replace(one, cohort=str(one.task_id)) for one in many], field="image") == []


def test_a_quiet_year_of_imports_and_promotions_is_quiet_and_a_fall_in_it_is_seen():
    quiet, fallen = Year(import_days=10, promotion_days=40), Year(import_days=10, fall=0.2)

    false_alarms = find_alerts(simulate_year(np.random.default_rng(0), quiet), field="source")
    seen = find_alerts(simulate_year(np.random.default_rng(5), fallen), field="source")

    assert false_alarms == []
    assert "confirmed" in {one.rate for one in seen if one.cohort == "all tasks"}
