"""The advice that follows from verdicts."""

import pytest

from loop.rates.advice.advise import advise
from loop.rates.assess import RatesRequest, advise_on_serving, assess, follow_rates
from loop.rates.rates import NO_VALUE, Grouping, Rates
from tests.rates.builders import reviewed
from tests.rates.test_assess import shown


@pytest.mark.parametrize(
    ("rates", "word"),
    [
        pytest.param(Rates(confirmed=4, missed=1), "missed", id="missed"),
        pytest.param(Rates(confirmed=2, false_positive=2), "threshold", id="false-positives"),
        pytest.param(Rates(confirmed=2, corrected=2), "moved", id="moved"),
        pytest.param(Rates(confirmed=2, corrected=2, relabelled=2), "confused", id="relabelled"),
    ],
)
def test_a_high_rate_calls_for_an_action(rates, word):
    (advice,) = advise([rates] * 25)

    assert word in advice


@pytest.mark.parametrize(
    "tasks",
    [
        pytest.param([], id="nothing"),
        pytest.param([Rates(confirmed=9, missed=1)], id="one-box"),
        pytest.param([Rates(missed=40)], id="one-crowded-image"),
        pytest.param([Rates(missed=2)] * 2, id="four-boxes-of-two-images"),
    ],
)
def test_what_may_be_chance_calls_for_nothing_yet(tasks):
    assert advise(tasks) == []


@pytest.fixture
def promoted(rooms, tmp_path):
    """A champion whose boxes are right, after a version whose boxes were false."""
    (tmp_path / "w.pt").write_bytes(b"weights")
    version = rooms.registry.versions.add(1, tmp_path / "w.pt")
    rooms.registry.versions.promote(1, version.name, "better")
    for task in range(1, 31):
        reviewed(rooms, task, version="before@1", data={"place": "yard"})
        reviewed(rooms, 100 + task, "Car", version=version.name, data={"place": "yard"})
    return rooms


@pytest.mark.parametrize("by", Grouping)
def test_advice_is_for_the_version_that_serves(promoted, by):
    request = RatesRequest(by, "place")

    groups, history = assess(promoted.rates, 1, request).groups, follow_rates(promoted.rates, 1, request)

    assert sum(group.rates.false_positive for group in groups) == 30
    assert not any(one.advice for one in (*groups, *history.lines, history.whole))


@pytest.mark.parametrize("by", Grouping)
def test_a_version_that_serves_has_the_advice_that_its_rates_call_for(rooms, by):
    base = rooms.registry.version_name(None)
    for task in range(1, 31):
        reviewed(rooms, task, version=base, data={"place": "yard"})
    request = RatesRequest(by, "place")

    (group,) = assess(rooms.rates, 1, request).groups
    history = follow_rates(rooms.rates, 1, request)

    (line,) = history.lines or (history.whole,)
    assert group.advice == line.advice == advise_on_serving(rooms.rates, 1, None)[NO_VALUE]
    assert "raise model_score_threshold in the label config" in line.advice[0]


def test_a_field_that_no_task_has_is_told(rooms):
    reviewed(rooms, 1, data={"source": "day"})

    by_field = {
        name: shown(assess(rooms.rates, 1, RatesRequest(Grouping.COHORT, name))) for name in ("source", "sorce")
    }

    assert "no judged task has a value in that field" in by_field["sorce"]
    assert "no judged task" not in by_field["source"]
