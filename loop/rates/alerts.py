"""Which changes of the verdicts call for an alert: the confirmed rate falls, or one of the others rises. Pure."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from loop.rates.change_points import Change, ChangePolicy, Outcome, changes
from loop.rates.rates import AUDIT, Judged
from loop.reviews.verdicts import Decision

ALL_TASKS = "all tasks"
BOTH = "both"  # streams
CHANCES = (0.1, 0.2, 0.35, 0.5, 0.7)  # that all boxes shown are right; they cut the tasks into classes
FEWEST_TASKS = 40  # of a cohort that is watched; a field that names each image makes as many cohorts as tasks
RATES = ("confirmed", "missed", "false_positive")


@dataclass(frozen=True, slots=True)
class Alert:
    """
    A rate that got worse in a cohort, by the tasks of a *stream*.

    *before* and *after* are the rate since the change before it, up to the task *first_task* reviewed at *changed_at*,
    and from there to the task at which it was *seen_at*. The versions are those judged just before, and then.
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
        """Whether both tell of one change: a few reviews edited since move its place by some tasks."""
        is_same_rate = (self.cohort, self.rate, self.stream) == (other.cohort, other.rate, other.stream)
        return is_same_rate and self.changed_at <= other.seen_at and other.changed_at <= self.seen_at

    def body(self) -> dict[str, object]:
        """The alert as plain JSON."""
        moments = {"changed_at": self.changed_at.isoformat(), "seen_at": self.seen_at.isoformat()}
        return {**asdict(self), **moments}

    def __str__(self) -> str:
        """The alert in one line."""
        where = self.cohort + (" (audit)" if self.stream == AUDIT else "")
        way = "fell" if self.after < self.before else "rose"
        since = "" if self.version_before == self.version_after else f", since {self.version_after} serves"
        what = self.rate.replace("_", " ")
        share = f"from {self.before:.0%} to {self.after:.0%}"
        return f"{where}: {what} {way} {share} at {self.changed_at:%Y-%m-%d %H:%M} (task {self.first_task}){since}"


def read_alert(body: dict[str, object]) -> Alert:
    """Read an alert back from its JSON."""
    moments = {key: datetime.fromisoformat(str(body[key])) for key in ("changed_at", "seen_at")}
    known = {key: body[key] for key in Alert.__slots__}
    return Alert(**{**known, **moments})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class _Task:
    """One reviewed task: its *last* verdict, how many of each there are, and its class by *risk*."""

    last: Judged
    confirmed: int
    predicted: int
    wrong: int
    missed: int
    risk: int

    def outcome(self, rate: str, *, by_risk: bool) -> Outcome | None:
        """What a rate says of this task; None where it says nothing."""
        bad, total = {
            "confirmed": (self.predicted - self.confirmed, self.predicted),
            "missed": (self.missed, self.predicted - self.wrong + self.missed),
            "false_positive": (self.wrong, self.predicted),
        }[rate]
        return Outcome(bad, total, self.risk if by_risk else 0) if total else None


def alerts(judged: Iterable[Judged], *, field: str = "", policy: ChangePolicy | None = None) -> list[Alert]:
    """
    Return every alert that the verdicts of a project ever called for, in the order they could be seen.

    The whole project is watched and, where a *field* tells cohorts apart, each of FEWEST_TASKS or more. Over both
    streams a task is compared with those of like confidence. What makes all detections less sure is expected then, and
    not seen; so the audit, which comes in no order of confidence, is watched by itself as it is. Versions are not told
    apart: a promotion that improves the rates is a change that calls for no alert, and from there on they are measured
    by it.
    """
    tasks = _tasks(judged)
    cohorts = {ALL_TASKS: tasks}
    if field:
        for task in tasks:
            cohorts.setdefault(f"{field}={task.last.cohort}", []).append(task)
    found = []
    for cohort, members in cohorts.items():
        if len(members) < FEWEST_TASKS:
            continue
        audit = [task for task in members if task.last.stream == AUDIT]
        for rate in RATES:
            found += _worse(cohort, rate, BOTH, members, policy)
            found += _worse(cohort, rate, AUDIT, audit, policy)
    return sorted(found, key=lambda one: one.seen_at)


def _tasks(judged: Iterable[Judged]) -> list[_Task]:
    """The tasks in the order they were reviewed."""
    of_task: dict[int, list[Judged]] = {}
    for one in judged:
        of_task.setdefault(one.task_id, []).append(one)
    tasks = [_task(verdicts) for verdicts in of_task.values()]
    return sorted(tasks, key=lambda task: (task.last.reviewed_at, task.last.task_id))


def _task(verdicts: Sequence[Judged]) -> _Task:
    decisions = [one.decision for one in verdicts]
    missed = decisions.count(Decision.MISSED)
    return _Task(
        last=verdicts[-1],  # all of a task come from one review
        confirmed=decisions.count(Decision.CONFIRMED),
        predicted=len(decisions) - missed,
        wrong=decisions.count(Decision.FALSE_POSITIVE),
        missed=missed,
        risk=_risk([one.confidence or 0.0 for one in verdicts if one.decision != Decision.MISSED]),
    )


def _risk(shown: Sequence[float]) -> int:
    """The class by what the queue is ordered by, as far as it was shown; the last one where no box was."""
    return bisect(CHANCES, math.prod(shown)) if shown else len(CHANCES) + 1


def _worse(cohort: str, rate: str, stream: str, tasks: Sequence[_Task], policy: ChangePolicy | None) -> list[Alert]:
    by_risk = stream != AUDIT
    told = [(task, outcome) for task in tasks if (outcome := task.outcome(rate, by_risk=by_risk))]
    known = [task for task, _ in told]
    found = changes([outcome for _, outcome in told], policy)
    return [_alert(cohort, rate, stream, known, change) for change in found if change.is_worse]


def _alert(cohort: str, rate: str, stream: str, tasks: Sequence[_Task], change: Change) -> Alert:
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
