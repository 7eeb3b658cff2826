"""
How much the last labelled images brought, and how much more of them may bring. Pure.

Leads of versions over the version before, each on the same held-out images, are summed up along the versions that
served, so held-out images that came later compare nothing unfairly. A version that the gate refused counts too: its
images brought it no further.

The next images are taken to bring as much as the last by the logarithm of the images, the usual law in the middle of a
curve. Towards its end a curve bends down: the low end of the interval has BENDS_DOWN of that. At its beginning it is as
straight as a line or bends up: where the curve rises beyond chance, the high end has BENDS_UP of what a line brings,
else of what the law brings. While a version finds hardly anything, nothing is foretold.
`python -m scripts.learning.more_images` measures how often the interval holds the truth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loop.rates.intervals import Interval

DOUBLED = 2.0  # times the images, from which a stretch of the curve is long enough
LEAST_GROWTH = 1.25  # times the images, under which nothing is said
LEAST_IMAGES = 20
BEGUN = 0.1  # mAP50-95 under which the curve has hardly begun, so that its next stretch may be far steeper
BENDS_DOWN, BENDS_UP = 0.5, 1.5
BY_CHANCE = 0.02  # mAP50-95 by which two trainings on the same images differ; it widens the forecast
LITTLE = 0.02  # mAP50-95 that is not worth as many images


@dataclass(frozen=True, slots=True)
class Gain:
    """A change of mAP50-95 with its 95% interval."""

    value: float
    interval: Interval

    def __str__(self) -> str:
        """Return it as text."""
        return f"{self.value:+z.3f} ({self.interval.low:+z.3f} to {self.interval.high:+z.3f})"


@dataclass(frozen=True, slots=True)
class CurveStep:
    """From a version of *before* labelled images to one of *after*, both measured on the same held-out images."""

    before: int
    after: int
    lead: Gain


@dataclass(frozen=True, slots=True)
class Outlook:
    """
    The gain that the labelled images after *first* until *last* brought, and that *more* of them may bring.

    *hours* is how long annotators need for them, as they needed for the last; None where that is not known.
    """

    first: int
    last: int
    brought: Gain
    more: int
    may_bring: Gain
    hours: float | None = None

    @property
    def is_little(self) -> bool:
        """
        Whether more images will bring little, wherever in the interval the truth lies.

        A loss beyond chance does not tell that: something else went wrong.
        """
        return self.may_bring.interval.high < LITTLE and self.brought.interval.high >= 0

    @property
    def tells(self) -> bool:
        """Whether its interval says something: that more images help, or that they bring little."""
        return self.may_bring.interval.low > 0 or self.is_little

    def __str__(self) -> str:
        """Return it as one sentence."""
        brought = f"labelled images {self.first + 1} to {self.last} brought {self.brought} mAP50-95"
        hours = "" if self.hours is None else f", in about {self.hours:.1f} annotators' hours"
        more = f"{self.more} more like them may bring {self.may_bring}{hours}"
        return f"{brought}; {more}" + (": little, so it may be time to stop" if self.is_little else "")


def forecast(steps: Sequence[CurveStep]) -> Outlook | None:
    """
    Sum up *steps*, newest first, and forecast about half as many images more; None where they are too few.

    The steps are taken as independent; their common versions make the sum surer than that.
    """
    first, last = steps[-1].before, steps[0].after
    if last < LEAST_IMAGES or last < LEAST_GROWTH * first:
        return None
    brought = sum(step.lead.value for step in steps)
    below = math.hypot(*(step.lead.value - step.lead.interval.low for step in steps))
    above = math.hypot(*(step.lead.interval.high - step.lead.value for step in steps))
    more = _round_down(last / 2)
    by_law, by_line = math.log((last + more) / last) / math.log(last / first), more / (last - first)
    low, high = brought - math.hypot(below, BY_CHANCE), brought + math.hypot(above, BY_CHANCE)
    least = low * by_law * (BENDS_DOWN if low > 0 else 1.0)
    most = high * (by_line if low > 0 else by_law) * (BENDS_UP if high > 0 else 1.0)
    whole = Gain(brought, Interval(brought - below, brought + above))
    return Outlook(first, last, whole, more, Gain(by_law * brought, Interval(least, most)))


def _round_down(number: float) -> int:
    """Return the largest of 10, 20, 50, 100, 200, … that is not above a *number* of at least 10."""
    power = 10 ** math.floor(math.log10(number))
    return int(next(digit for digit in (5, 2, 1) if digit * power <= number) * power)
