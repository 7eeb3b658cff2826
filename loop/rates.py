"""How often each verdict is given, how sure that is, and what to do about it. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from loop.verdicts import Decision


class By(StrEnum):
    """What verdicts can be grouped by."""

    VERSION = "version"
    LABEL = "label"  # as predicted; of what was missed, as drawn
    STREAM = "stream"  # queue or audit
    WEEK = "week"  # of the review, ISO 8601


@dataclass(frozen=True, slots=True)
class Judged:
    """One verdict with what it can be grouped by."""

    decision: Decision
    version: str
    label: str
    stream: str
    week: str
    is_relabelled: bool = False


@dataclass(frozen=True, slots=True)
class Interval:
    """The range that a share lies in, with 95% confidence."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Rates:
    """Counts of the four verdicts; each rate is a share of what it could have been."""

    confirmed: int = 0
    corrected: int = 0
    false_positive: int = 0
    missed: int = 0
    relabelled: int = 0  # among the corrected

    @property
    def predicted(self) -> int:
        """Predicted regions judged: confirmed + corrected + false positive."""
        return self.confirmed + self.corrected + self.false_positive

    @property
    def reviewed(self) -> int:
        """Regions the reviewers left: confirmed + corrected + missed."""
        return self.confirmed + self.corrected + self.missed

    @property
    def confirmed_rate(self) -> float | None:
        """Share of the predicted regions left as they were; None where nothing was predicted."""
        return self.confirmed / self.predicted if self.predicted else None

    @property
    def ready_rate(self) -> float | None:
        """Share of all objects that the pre-annotation had right as it was; None where nothing is on the images."""
        return self.confirmed / self.reviewed if self.reviewed else None

    def shares(self) -> dict[str, tuple[int, int]]:
        """Each rate as how many out of how many."""
        return {
            "confirmed": (self.confirmed, self.predicted),
            "corrected": (self.corrected, self.predicted),
            "false_positive": (self.false_positive, self.predicted),
            "missed": (self.missed, self.reviewed),
        }


@dataclass(frozen=True, slots=True)
class RatePolicy:
    """From which share on a verdict calls for an action."""

    missed: float = 0.05
    false_positive: float = 0.2
    moved: float = 0.2
    relabelled: float = 0.1


def count(decisions: Iterable[Decision], *, relabelled: int = 0) -> Rates:
    """Count decisions into rates."""
    counts = Counter(decisions)
    return Rates(**{decision.value: counts[decision] for decision in Decision}, relabelled=relabelled)


def group(judged: Iterable[Judged], by: By) -> dict[str, Rates]:
    """Count verdicts by one of their properties, in the order the groups first appear."""
    groups: dict[str, list[Judged]] = {}
    for one in judged:
        groups.setdefault(getattr(one, by.value), []).append(one)
    return {
        name: count((one.decision for one in found), relabelled=sum(one.is_relabelled for one in found))
        for name, found in groups.items()
    }


def wilson(successes: int, total: int, z: float = 1.96) -> Interval | None:
    """
    Return the score interval of a share (E. B. Wilson, 1927); None of nothing.

    Unlike the textbook's, it stays within [0, 1] and holds for few observations.
    """
    if not total:
        return None
    share, spread = successes / total, z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def advise(rates: Rates, policy: RatePolicy | None = None) -> list[str]:
    """Say what the rates call for; a rate calls only where even the low end of its interval is over the line."""
    policy = policy or RatePolicy()
    moved = rates.corrected - rates.relabelled
    asked = (
        (rates.missed, rates.reviewed, policy.missed, "missed: annotate more images with what is missed"),
        (
            *(rates.false_positive, rates.predicted, policy.false_positive),
            "false positives: raise the threshold, or review more images without the object",
        ),
        (moved, rates.predicted, policy.moved, "boxes moved: train longer or on larger images; agree on how to draw"),
        (
            *(rates.relabelled, rates.predicted, policy.relabelled),
            "labels changed: classes are confused; annotate more of both, or define them better",
        ),
    )
    intervals = ((wilson(successes, total), line, advice) for successes, total, line, advice in asked)
    return [advice for interval, line, advice in intervals if interval and interval.low > line]
