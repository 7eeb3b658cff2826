"""Finds the changes of rates that need an alert: the confirmed rate falls, or another rate rises. Pure."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from loop.rates.rates import AUDIT, RatedVerdict
from loop.reviews.verdicts import Decision

if TYPE_CHECKING:
    from loop.rates.change_points import ChangePolicy, RateChange, TaskOutcome

ALL_TASKS = "all tasks"
BOTH = "both"  # streams
CHANCES = (0.1, 0.2, 0.35, 0.5, 0.7)  # that all boxes shown are right; the limits between the risk classes
FEWEST_TASKS = 40  # of a watched cohort; a field unique to each image makes as many cohorts as tasks
RATES = ("confirmed", "missed", "false_positive")


@dataclass(frozen=True, slots=True)
class Alert:
    """
    A rate that got worse in a cohort, by the tasks of a *stream*.

    *before* is the rate from the previous change to the task *first_task*, which was reviewed at *changed_at*. *after*
    is the rate from there to the task reviewed at *seen_at*. The versions are those judged just before the change, and
    at it.
    """

    cohort: str
    rate: str
    stream: str
    before: float
    after: float
    first_task: int
    changed_at: datetime
    seen_at: datetime
    version_before: str
    version_after: str

    def is_same_change(self, other: Alert) -> bool:
        """Whether both alerts are of one change, whose place later edits of reviews may move by some tasks."""
        is_same_rate = (self.cohort, self.rate, self.stream) == (other.cohort, other.rate, other.stream)
        return is_same_rate and self.changed_at <= other.seen_at and other.changed_at <= self.seen_at

    def body(self) -> dict[str, object]:
        """The alert as plain JSON."""
        moments = {"changed_at": self.changed_at.isoformat(), "seen_at": self.seen_at.isoformat()}
        return {**asdict(self), **moments}

    def __str__(self) -> str:
        """The alert in one line."""
        place = self.cohort + (" (audit)" if self.stream == AUDIT else "")
        verb = "fell" if self.after < self.before else "rose"
        since = "" if self.version_before == self.version_after else f", since {self.version_after} serves"
        rate = self.rate.replace("_", " ")
        share = f"from {self.before:.0%} to {self.after:.0%}"
        return f"{place}: {rate} {verb} {share} at {self.changed_at:%Y-%m-%d %H:%M} (task {self.first_task}){since}"


def read_alert(body: dict[str, object]) -> Alert:
    """Read an alert back from its JSON."""
    moments = {key: datetime.fromisoformat(str(body[key])) for key in ("changed_at", "seen_at")}
    known = {key: body[key] for key in Alert.__slots__}
    return Alert(**{**known, **moments})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class _Task:
    """One reviewed task: its *last* verdict, its number of verdicts by decision, and its *risk* class."""

    last: RatedVerdict
    confirmed: int
    predicted: int
    wrong: int
    missed: int
    risk: int

    def outcome(self, rate: str, *, by_risk: bool) -> TaskOutcome | None:
        """The outcome of this task for a rate; None if the rate has no box on it."""
        from loop.rates.change_points import TaskOutcome

        bad, total = {
            "confirmed": (self.predicted - self.confirmed, self.predicted),
            "missed": (self.missed, self.predicted - self.wrong + self.missed),
            "false_positive": (self.wrong, self.predicted),
        }[rate]
        return TaskOutcome(bad, total, self.risk if by_risk else 0) if total else None


def find_alerts(judged: Iterable[RatedVerdict], *, field: str = "", policy: ChangePolicy | None = None) -> list[Alert]:
    """
    Return all alerts of a project's verdicts, in the order they could be seen.

    The whole project is watched and, if *field* is given, each cohort of FEWEST_TASKS or more. Over both streams a task
    is compared with tasks of like confidence. This comparison expects a change that makes all detections less sure, and
    does not see it. Therefore the audit, which comes in random order, is also watched without regard to confidence.
    Versions are not separated. A promotion that improves the rates is a change without an alert, and later rates are
    compared with the rates after it.
    """
    tasks = _group_tasks(judged)
    cohorts = {ALL_TASKS: tasks}
    if field:
        for task in tasks:
            cohorts.setdefault(f"{field}={task.last.cohort}", []).append(task)
    all_alerts = []
    for cohort, members in cohorts.items():
        if len(members) < FEWEST_TASKS:
            continue
        audit = [task for task in members if task.last.stream == AUDIT]
        for rate in RATES:
            all_alerts += _find_rate_alerts(cohort, rate, BOTH, members, policy)
            all_alerts += _find_rate_alerts(cohort, rate, AUDIT, audit, policy)
    return sorted(all_alerts, key=lambda alert: alert.seen_at)


def _group_tasks(judged: Iterable[RatedVerdict]) -> list[_Task]:
    """The tasks in the order they were reviewed."""
    by_task: dict[int, list[RatedVerdict]] = {}
    for verdict in judged:
        by_task.setdefault(verdict.task_id, []).append(verdict)
    tasks = [_make_task(verdicts) for verdicts in by_task.values()]
    return sorted(tasks, key=lambda task: (task.last.reviewed_at, task.last.task_id))


def _make_task(verdicts: Sequence[RatedVerdict]) -> _Task:
    decisions = [verdict.decision for verdict in verdicts]
    missed = decisions.count(Decision.MISSED)
    return _Task(
        last=verdicts[-1],  # all verdicts of a task come from one review
        confirmed=decisions.count(Decision.CONFIRMED),
        predicted=len(decisions) - missed,
        wrong=decisions.count(Decision.FALSE_POSITIVE),
        missed=missed,
        risk=_classify_risk([verdict.confidence or 0.0 for verdict in verdicts if verdict.decision != Decision.MISSED]),
    )


def _classify_risk(confidences: Sequence[float]) -> int:
    """The risk class of a task by the confidences of its boxes shown; the last class if no box was shown."""
    return bisect(CHANCES, math.prod(confidences)) if confidences else len(CHANCES) + 1


def _find_rate_alerts(
    cohort: str, rate: str, stream: str, tasks: Sequence[_Task], policy: ChangePolicy | None
) -> list[Alert]:
    from loop.rates.change_points import find_changes

    by_risk = stream != AUDIT
    measured = [(task, outcome) for task in tasks if (outcome := task.outcome(rate, by_risk=by_risk))]
    measured_tasks = [task for task, _ in measured]
    all_changes = find_changes([outcome for _, outcome in measured], policy)
    return [_make_alert(cohort, rate, stream, measured_tasks, change) for change in all_changes if change.is_worse]


def _make_alert(cohort: str, rate: str, stream: str, tasks: Sequence[_Task], change: RateChange) -> Alert:
    first, seen = tasks[change.first], tasks[change.seen]
    before, after = (1 - share if rate == "confirmed" else share for share in (change.before, change.after))
    return Alert(
        cohort=cohort,
        rate=rate,
        stream=stream,
        before=before,
        after=after,
        first_task=first.last.task_id,
        changed_at=first.last.reviewed_at,
        seen_at=seen.last.reviewed_at,
        version_before=tasks[change.first - 1].last.version,
        version_after=first.last.version,
    )
