"""The rates by week, with groups and advice."""

import json
from contextlib import closing
from datetime import date, timedelta
from urllib.parse import quote

import pytest
from typer.testing import CliRunner

from loop.cli.tree import app
from loop.errors import LoopError, UnknownProject
from loop.rates.assess import RatesRequest, assess, follow_rates
from loop.rates.over_time import MOST_WEEKS, DayCount, arrange_by_week
from loop.rates.rates import Grouping, Rates
from loop.reviews.verdicts import Decision
from loop.serving.store import AUDIT
from loop.settings import Settings
from loop.wiring import build
from tests.builders import CONFIG
from tests.rates.builders import reviewed

SUNDAY = 3 * 24 * 60  # at noon, twelve hours before the second week


def test_every_week_from_the_first_verdict_to_the_last_is_there(rooms):
    reviewed(rooms, 1, "Car")
    reviewed(rooms, 2, week=2)

    history = follow_rates(rooms.rates, 1, RatesRequest(Grouping.WEEK))

    assert history.weeks == ("2026-W01", "2026-W02", "2026-W03")
    assert history.lines == ()
    assert history.whole.weeks == {"2026-W01": Rates(confirmed=1), "2026-W03": Rates(false_positive=1)}
    assert history.whole.rates == Rates(confirmed=1, false_positive=1)


def test_the_groups_of_weeks_are_in_the_order_of_time_whatever_was_judged_first(rooms):
    for task, week in enumerate((9, 0, 60, 8), start=1):
        reviewed(rooms, task, "Car", week=week)

    groups = assess(rooms.rates, 1, RatesRequest(Grouping.WEEK)).groups

    assert [group.name for group in groups] == ["2026-W01", "2026-W09", "2026-W10", "2027-W08"]


@pytest.mark.integration
def test_a_week_begins_at_midnight_in_utc_whatever_the_zone_and_the_dates_of_a_session_look_like(database, tmp_path):
    session = quote("-c timezone=Pacific/Auckland -c datestyle=German")
    variables = {"LOOP_HOME": str(tmp_path), "LOOP_DATABASE_URL": f"{database}?options={session}"}
    with closing(build(Settings.read(variables))) as rooms:
        rooms.studio.projects.save(1, "Cars", CONFIG)
        reviewed(rooms, SUNDAY + 719, "Car")
        reviewed(rooms, SUNDAY + 721)

        history = follow_rates(rooms.rates, 1, RatesRequest(Grouping.WEEK))

    assert history.whole.weeks == {"2026-W01": Rates(confirmed=1), "2026-W02": Rates(false_positive=1)}


@pytest.mark.parametrize("by", [by for by in Grouping if by is not Grouping.WEEK])
def test_the_groups_and_their_rates_are_those_of_the_table_of_rates(rooms, by):
    reviewed(rooms, 1, "Car", data={"source": "day"}, annotator=7)
    reviewed(rooms, 2, "Person", data={"source": "night"}, stream=AUDIT, week=1)
    reviewed(rooms, 3, label="<b>Person</b>", version="a@2", week=1)
    reviewed(rooms, 4, "Car", "Car", data={"source": 3}, annotator=8)
    request = RatesRequest(by, "source")

    history = follow_rates(rooms.rates, 1, request)

    expected = {group.name: group.rates for group in assess(rooms.rates, 1, request).groups}
    assert {line.name: line.rates for line in history.lines} == expected
    assert sum(line.rates.predicted for line in history.lines) == history.whole.rates.predicted == 4


def test_of_many_groups_the_largest_are_shown_and_the_others_counted(rooms):
    for task in range(1, 6):
        reviewed(rooms, task, "Car", label="Car" if task < 3 else f"Label {task}")

    history = follow_rates(rooms.rates, 1, RatesRequest(Grouping.LABEL, most=2))

    assert [line.name for line in history.lines] == ["Car", "Label 3"]
    assert (history.more_groups, history.more_verdicts) == (2, 2)


def test_a_group_has_the_advice_that_its_rates_call_for(rooms):
    serving = rooms.registry.version_name(None)
    for task in range(1, 31):
        reviewed(rooms, task, label="Person", version=serving)
    reviewed(rooms, 31, "Car", version=serving)

    lines = {line.name: line for line in follow_rates(rooms.rates, 1, RatesRequest(Grouping.LABEL)).lines}

    assert "raise model_score_threshold" in lines["Person"].advice[0]
    assert lines["Car"].advice == ()


def test_only_reviews_since_a_day_are_counted(rooms):
    reviewed(rooms, 1, "Car")
    reviewed(rooms, 2, "Car", week=4)
    since = rooms.rates.store.read_verdicts(1)[1].reviewed_at - timedelta(days=1)

    history = follow_rates(rooms.rates, 1, RatesRequest(Grouping.LABEL, since=since))

    assert history.weeks == ("2026-W05",)


def test_a_project_without_verdicts_has_no_weeks(rooms):
    history = follow_rates(rooms.rates, 1, RatesRequest(Grouping.LABEL))

    assert (history.weeks, history.lines, history.whole.advice) == ((), (), ())


def test_what_cannot_be_followed_is_named(rooms):
    with pytest.raises(UnknownProject):
        follow_rates(rooms.rates, 9, RatesRequest())
    with pytest.raises(LoopError, match="LOOP_COHORT_FIELD"):
        follow_rates(rooms.rates, 1, RatesRequest(Grouping.COHORT))


def test_a_review_of_long_ago_does_not_make_thousands_of_weeks():
    counts = [DayCount("a", day, Decision.CONFIRMED, False, 1) for day in (date(1, 1, 1), date(2026, 1, 1))]

    history = arrange_by_week(counts, Grouping.LABEL, 8, {})

    assert len(history.weeks) == MOST_WEEKS
    assert history.weeks[-1] == "2026-W01"
    assert history.whole.rates.confirmed == 2


def test_the_command_prints_the_weeks_as_a_table_and_as_json(settings, rooms, monkeypatch):
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    reviewed(rooms, 1, "Car")
    reviewed(rooms, 2, "Person", week=1)

    def loop(*arguments):
        return CliRunner().invoke(app, ["rates", "--project", "1", "--weekly", *arguments], catch_exceptions=False)

    assert "2026-W02" in loop().output
    assert "Car" in loop("--by", "label").output
    plain = json.loads(loop("--by", "label", "--json").output)
    assert plain["weeks"] == ["2026-W01", "2026-W02"]
    assert plain["groups"]["Car"]["weeks"]["2026-W01"]["confirmed"]["count"] == 1
    assert plain["whole"]["total"]["confirmed"]["of"] == 2
