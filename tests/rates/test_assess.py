"""What `loop rates` says, from the records to the terminal."""

import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from rich.console import Console
from typer.testing import CliRunner

from loop.cli import rates as rates_screen
from loop.cli.tree import app
from loop.errors import LoopError, UnknownProject
from loop.installation.status import status
from loop.rates.assess import RatesRequest, assess, measure_seconds_by_version
from loop.rates.post_alerts import watch
from loop.rates.rates import Grouping
from loop.regions import Box
from loop.reviews.judging import judge_tasks
from loop.serving.store import AUDIT
from loop.storage.tables import verdicts
from tests.builders import NOON, region, review, served
from tests.swap import swap

IMAGE = "/data/upload/1/a.jpg"
ELSEWHERE = Box(0.6, 0.6, 0.9, 0.9)


def reviewed(rooms, task, *left, shown=("p",), data=None, stream="queue", version="a@1", score=0.9, **fields):
    """One task, predicted and reviewed."""
    boxes = [region(f"{name}{task}", score=score) for name in shown]
    rooms.serving.predictions.append([served(*boxes, task=task, stream=stream, version=version)])
    left_regions = [region(f"{name}{task}", at=ELSEWHERE if name == "new" else None) for name in left]
    rooms.reviews.store.record(
        review(*left_regions, task=task, annotation=task, minutes=task, **fields), {"image": IMAGE, **(data or {})}
    )
    judge_tasks(rooms.reviews, 1, [task])


def shown(assessment, show=rates_screen.show_rates):
    out = Console(width=250, file=io.StringIO())
    show(out, assessment)
    return out.file.getvalue()


def test_verdicts_are_grouped_by_a_field_of_the_task_data(rooms):
    reviewed(rooms, 1, "p", data={"source": "day"})
    reviewed(rooms, 2, data={"source": "night"})
    reviewed(rooms, 3, data={"source": "night"})
    reviewed(rooms, 4, "p", data={})

    assessment = assess(rooms.rates, 1, RatesRequest(Grouping.COHORT, "source"))

    assert [(one.name, one.rates.predicted) for one in assessment.groups] == [("night", 2), ("day", 1), ("(none)", 1)]


def test_of_many_cohorts_the_largest_are_shown_and_the_others_counted(rooms):
    for task in range(1, 8):
        reviewed(rooms, task, "p", data={"source": task})
    reviewed(rooms, 8, "p", data={"source": 3})

    assessment = assess(rooms.rates, 1, RatesRequest(Grouping.COHORT, "source", most=2))

    assert assessment.groups[0].name == "3"
    assert (assessment.more_groups, assessment.more_verdicts) == (5, 5)
    assert "and 5 more with 5 verdicts" in shown(assessment)


def test_without_a_field_there_are_no_cohorts(rooms):
    with pytest.raises(LoopError, match="LOOP_COHORT_FIELD"):
        assess(rooms.rates, 1, RatesRequest(Grouping.COHORT))


def test_a_project_that_was_never_connected_is_told(rooms):
    with pytest.raises(UnknownProject):
        assess(rooms.rates, 9, RatesRequest())


def test_a_project_without_verdicts_says_so(rooms):
    assert "no verdicts: nothing that was predicted has been reviewed" in shown(assess(rooms.rates, 1, RatesRequest()))


def test_verdicts_are_grouped_by_annotator(rooms):
    reviewed(rooms, 1, "p", annotator=7)
    reviewed(rooms, 2, "p")

    assert [one.name for one in assess(rooms.rates, 1, RatesRequest(Grouping.ANNOTATOR)).groups] == ["7", "(none)"]


def test_only_reviews_since_a_day_are_counted(rooms):
    reviewed(rooms, 1, "p")
    reviewed(rooms, 120, "p")

    (group,) = assess(rooms.rates, 1, RatesRequest(since=NOON + timedelta(hours=1))).groups

    assert group.rates.predicted == 1


def test_verdicts_on_a_shadow_are_left_out(rooms):
    shadow = served(region("s1"), region("s2", at=ELSEWHERE), task=1, version="b@2")
    rooms.serving.predictions.append([replace(shadow, is_shadow=True)])

    reviewed(rooms, 1, "p")

    with rooms.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).where(verdicts.c.is_shadow)) == 2
    (group,) = assess(rooms.rates, 1, RatesRequest()).groups
    assert (group.name, group.rates.predicted) == ("a@1", 1)
    assert [one.version for one in rooms.rates.store.read_verdicts(1)] == ["a@1"]


def test_the_audit_tells_what_is_missed_on_all_tasks_beside_the_plain_rate(rooms):
    for task in range(1, 11):
        reviewed(rooms, task, "p", "new")  # the queue: half is missed
    for task in range(11, 21):
        reviewed(rooms, task, "p", stream=AUDIT)

    assessment = assess(rooms.rates, 1, RatesRequest())

    (group,) = assessment.groups
    assert group.rates.shares()["missed"] == (10, 30)
    assert (group.audited.share, group.audited.tasks) == (0.0, 10)
    assert "10 audited tasks" in shown(assessment)
    assert rates_screen.FROM_AUDIT in shown(assessment)


def test_both_streams_are_pooled_over_all_tasks_that_a_version_predicted(rooms):
    for task in range(1, 11):
        reviewed(rooms, task, "p", "new", score=0.4)
    for task in range(11, 16):
        reviewed(rooms, task, "p", stream=AUDIT)
    reviewed(rooms, 16, shown=(), stream=AUDIT)  # nothing there and nothing predicted: no verdict, but seen
    reviewed(rooms, 17, shown=())
    open_still = [served(region("p"), task=task, version="a@1") for task in range(101, 141)]
    rooms.serving.predictions.append([replace(one, score=0.9) for one in open_still])

    (group,) = assess(rooms.rates, 1, RatesRequest()).groups

    assert group.audited.share == 0.0
    assert 0.15 < group.pooled.share < 0.3  # 10 missed of 20 objects there, and about 40 more without any


def test_seconds_are_told_by_version_with_boxes_and_without(rooms):
    for task, spent in ((1, 4.0), (2, 6.0), (3, 9000.0)):
        reviewed(rooms, task, "p", lead_time=spent)
    reviewed(rooms, 4, "new", shown=(), lead_time=20.0)
    rooms.reviews.store.record(review(region(), task=5, annotation=5, lead_time=30.0), {})  # never predicted

    seconds = measure_seconds_by_version(rooms.rates, 1)

    assert seconds["a@1"]["boxes shown"].a_task.median == 5.0
    assert seconds["a@1"]["boxes shown"].cut == 1
    assert seconds["a@1"]["nothing shown"].a_task.median == 20.0
    assert seconds["(none)"]["nothing shown"].an_object.median == 30.0
    assert "1 open too long" in shown(seconds, rates_screen.show_seconds)


def test_the_json_has_seconds_and_what_the_audit_says(rooms):
    reviewed(rooms, 1, "p", lead_time=4.0, stream=AUDIT)
    reviewed(rooms, 2, "p", lead_time=4.0, stream=AUDIT)

    stored = json.loads(json.dumps(rates_screen.rates_json(assess(rooms.rates, 1, RatesRequest(Grouping.WEEK)))))

    (group,) = stored["groups"].values()
    assert group["seconds"]["boxes_shown"]["a_task"]["median"] == 4.0
    assert group["missed_all_tasks"]["tasks"] == 2
    labels = rates_screen.rates_json(assess(rooms.rates, 1, RatesRequest(Grouping.LABEL)))
    assert labels["groups"]["Car"]["seconds"] is None


def test_text_that_looks_like_markup_is_shown_as_it_is(rooms):
    reviewed(rooms, 1, "p", data={"source": "[red]x[/red]"})

    assert "[red]x[/red]" in shown(assess(rooms.rates, 1, RatesRequest(Grouping.COHORT, "source")))


def falling(rooms):
    for task in range(1, 61):
        reviewed(rooms, task, "p")
    for task in range(61, 76):
        reviewed(rooms, task)


def test_a_fall_is_posted_once_and_shown(rooms):
    falling(rooms)

    lines = [watch(rooms.rates, 1) for _ in range(3)]

    assert "confirmed fell" in lines[0]
    assert lines[1:] == ["no new alert"] * 2
    assert {one.rate for one in rooms.rates.store.read_alerts(1)} == {"confirmed", "false_positive"}
    assert "from 100% to 0%" in str(rooms.rates.store.read_alerts(1)[0]) or "from 0% to 100%" in str(
        rooms.rates.store.read_alerts(1)[0]
    )
    (project,) = status(swap(rooms, (rooms.studio.client, Answers()), (rooms.queue, Answers())).installation).projects
    assert "all tasks" in project.alert


def test_reviews_edited_since_make_no_second_alert_of_the_same_fall(rooms):
    falling(rooms)
    watch(rooms.rates, 1)
    alerts = len(rooms.rates.store.read_alerts(1))

    for task in (61, 62):  # the fall begins two tasks later now
        rooms.reviews.store.record(
            review(region("p" + str(task)), task=task, annotation=task, minutes=task, edited=200), {}
        )
        judge_tasks(rooms.reviews, 1, [task])
    watch(rooms.rates, 1)

    assert len(rooms.rates.store.read_alerts(1)) == alerts


class Answers:
    url = "http://x"

    def answers(self):
        return True

    def workers(self):
        return {}

    def lengths(self):
        return {}

    def waits(self):
        return {}

    def read_progress(self):
        return {}


def test_the_command_prints_tables_and_json(settings, rooms, monkeypatch):
    falling(rooms)
    watch(rooms.rates, 1)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    def loop(*arguments):
        done = CliRunner().invoke(app, ["rates", "--project", "1", *arguments], catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    assert json.loads(loop("--field", "image", "--json"))["by"] == "cohort"
    assert json.loads(loop("--since", "2027-01-01", "--json"))["groups"] == {}
    assert json.loads(loop("--seconds", "--json"))["a@1"]["boxes_shown"]["unknown"] == 75
    assert json.loads(loop("--alerts", "--json"))[0]["cohort"] == "all tasks"
    assert "fell" in loop("--alerts")
