"""What the last labelled images brought, and the forecast for more."""

import math
from dataclasses import replace

import pytest

from loop.rates.intervals import Interval
from loop.training.learning_curve import CurvePoint, HeldOutSet, Measured, WorkDone, find_steps, look_ahead
from loop.training.outlook.more_images import CurveStep, Gain, forecast
from tests.builders import NOON


def point(version, images, before, lead, *, half=0.01, hours=0.0, reviews=0, precision=0.5):
    return CurvePoint(
        version=version,
        made_at=NOON,
        status="promoted",
        images=images,
        work=WorkDone(reviews, hours, 0, 0),
        held_out=HeldOutSet(1, 20, 100),
        measured=Measured(precision, None),
        before_name=before,
        before=Measured(precision - lead, None),
        lead=Measured(lead, Interval(lead - half, lead + half)),
        classes=(),
    )


FIRST = point("a", 50, "start", 0.2)


def test_the_leads_of_the_versions_that_served_are_summed_up_until_the_images_have_doubled():
    points = [FIRST, point("b", 100, "a", 0.05), point("refused", 150, "b", -0.01), point("c", 200, "b", 0.03)]

    steps = find_steps([*points, point("d", 220, "c", 0.01)])
    outlook = forecast(steps)

    assert [(step.before, step.after) for step in steps] == [(200, 220), (100, 200)]
    assert (outlook.first, outlook.last) == (100, 220)
    assert outlook.brought.value == pytest.approx(0.04)
    assert outlook.brought.interval.high == pytest.approx(0.04 + math.hypot(0.01, 0.01))


def test_images_after_which_a_version_was_refused_count_too():
    points = [FIRST, point("b", 100, "a", 0.05), point("refused", 200, "b", -0.001, half=0.002)]

    outlook = look_ahead(points)

    assert outlook.brought.value == pytest.approx(-0.001)
    assert outlook.is_little
    assert "time to stop" in str(outlook)


def test_the_forecast_follows_the_logarithm_of_the_images_and_may_bend_down_or_rise_as_a_line():
    outlook = forecast([CurveStep(100, 200, Gain(0.1, Interval(0.08, 0.12)))])

    share = math.log(300 / 200) / math.log(2)
    within = math.hypot(0.02, 0.02)
    assert outlook.more == 100
    assert outlook.may_bring.value == pytest.approx(0.1 * share)
    assert outlook.may_bring.interval.low == pytest.approx((0.1 - within) * share * 0.5)
    assert outlook.may_bring.interval.high == pytest.approx((0.1 + within) * 100 / 100 * 1.5)


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ((), "nothing was trained"),
        ((FIRST,), "the version before was not trained here"),
        ((FIRST, point("b", 60, "a", 0.05)), "as good as no more images"),
        ((FIRST, point("b", 100, "a", 0.03, half=0.2)), "the held-out split is too small to tell"),
        ((FIRST, point("b", 100, "a", -0.1)), "the version is worse beyond chance"),
        ((FIRST, point("b", None, "a", 0.05)), "the images of the training are not known"),
        ((FIRST, point("b", 100, "a", 0.05, precision=0.09)), "the curve has hardly begun"),
        ((replace(FIRST, images=5), point("b", 18, "a", 0.05)), "a handful of images"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_nothing_is_said_where(points, why):
    assert look_ahead(points) is None, why


def test_hours_are_those_of_the_last_images():
    points = [replace(FIRST, work=WorkDone(50, 1.0, 0, 0)), point("b", 100, "a", 0.1, hours=3.0, reviews=100)]

    outlook = look_ahead(points)

    assert outlook.hours == pytest.approx(outlook.more * 2.0 / 50)
    assert "in about 2.0 annotators' hours" in str(outlook)


def test_versions_that_name_each_other_as_the_one_before_end_the_search():
    steps = find_steps([point("a", 100, "b", 0.1), point("b", 110, "a", 0.1)])

    assert [(step.before, step.after) for step in steps] == [(100, 110)]
