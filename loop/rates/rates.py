"""Rates of the verdicts, and their uncertainty. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from loop.rates.intervals import BoxCluster, Estimate, estimate
from loop.reviews.verdicts import Decision

AUDIT = "audit"  # the stream of a random share of all tasks
LONG_AGO = datetime.min.replace(tzinfo=UTC)
DETECTOR, REFERENCES = "detector", "references"  # sources of labels
NO_VALUE = "(none)"  # of a task whose data lacks the field


class Grouping(StrEnum):
    """The properties that verdicts can be grouped by."""

    VERSION = "version"
    LABEL = "label"  # as predicted; of a missed object, as drawn
    STREAM = "stream"  # queue or audit
    WEEK = "week"  # of the review, ISO 8601
    COHORT = "cohort"  # a field of the task's data
    ANNOTATOR = "annotator"  # Label Studio's id of the person
    SOURCE = "source"  # of the label: the detector or references; of a missed object, nothing


@dataclass(frozen=True, slots=True)
class RatedVerdict:
    """One verdict with its grouping properties; *confidence* is that of the predicted box."""

    decision: Decision
    version: str
    label: str
    stream: str
    week: str
    is_relabelled: bool = False
    task_id: int = 0
    cohort: str = NO_VALUE
    annotator: str = NO_VALUE
    confidence: float | None = None
    reviewed_at: datetime = LONG_AGO
    source: str = DETECTOR


def name_cohort(data: Mapping[str, object], field: str) -> str:
    """
    The cohort of a task: the value of the *field* of its data, as text.

    Text stays as it is, any other value becomes JSON; a field that is missing, null or empty is NO_VALUE.
    """
    value = data.get(field)
    if value is None or value == "":
        return NO_VALUE
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Rates:
    """Counts of the four verdicts; each rate is a share of the regions it could apply to."""

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
        """Share of the predicted regions left as they were; None if nothing was predicted."""
        return self.confirmed / self.predicted if self.predicted else None

    @property
    def ready_rate(self) -> float | None:
        """Share of all objects with a correct pre-annotation; None if the images have no objects."""
        return self.confirmed / self.reviewed if self.reviewed else None

    def shares(self) -> dict[str, tuple[int, int]]:
        """Each rate as a count and a total."""
        return {
            "confirmed": (self.confirmed, self.predicted),
            "corrected": (self.corrected, self.predicted),
            "false_positive": (self.false_positive, self.predicted),
            "missed": (self.missed, self.reviewed),
        }


def count(decisions: Iterable[Decision], *, relabelled: int = 0) -> Rates:
    """Count decisions into rates."""
    counts = Counter(decisions)
    return Rates(**{decision.value: counts[decision] for decision in Decision}, relabelled=relabelled)


def choose_largest(groups: Mapping[str, Rates], most: int) -> dict[str, Rates]:
    """Choose the groups with the most verdicts, largest first; all of them if *most* is 0."""
    ordered = sorted(groups.items(), key=lambda item: -(item[1].predicted + item[1].missed))
    return dict(ordered[: most or None])


def estimate_missed(judged: Iterable[RatedVerdict]) -> Estimate | None:
    """Estimate the missed rate over all tasks from the audited tasks; None if they are too few."""
    tasks: dict[int, list[Decision]] = {}
    for verdict in judged:
        if verdict.stream == AUDIT and verdict.decision != Decision.FALSE_POSITIVE:
            tasks.setdefault(verdict.task_id, []).append(verdict.decision)
    return estimate([BoxCluster(decisions.count(Decision.MISSED), len(decisions)) for decisions in tasks.values()])


def group_verdicts(judged: Iterable[RatedVerdict], by: Grouping) -> dict[str, list[RatedVerdict]]:
    """Group verdicts by one of their properties, in the order the groups first appear."""
    groups: dict[str, list[RatedVerdict]] = {}
    for verdict in judged:
        groups.setdefault(getattr(verdict, by.value), []).append(verdict)
    return groups


def tally(judged: Sequence[RatedVerdict]) -> Rates:
    """Count verdicts into rates."""
    return count((one.decision for one in judged), relabelled=sum(one.is_relabelled for one in judged))


def rate_groups(judged: Iterable[RatedVerdict], by: Grouping) -> dict[str, Rates]:
    """Count the verdicts of each group, in the order the groups first appear."""
    return {name: tally(verdicts) for name, verdicts in group_verdicts(judged, by).items()}
