"""
Measure the figures of `docs/rates.md`: errors and intervals of the missed rate, and how fast a fall is seen.

`python -m scripts.bench.rates missed` simulates partly reviewed projects whose truth is known; `… batches` places the
audit in two ways; `… changes` simulates quiet years and falls.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from loop.rates.alerts import Alert, find_alerts
from loop.rates.audit import PredictedTask, pool_versions
from loop.rates.intervals import BoxCluster, Estimate, Interval, estimate, wilson
from loop.rates.rates import RatedVerdict
from scripts.bench.simulated_projects import (
    A_DAY,
    FIRST_DAY,
    Numbers,
    Year,
    find_reviewed,
    list_tasks,
    simulate_project,
    simulate_year,
)

PROJECTS, YEARS = 1000, 40  # simulated per row


def estimate_from_audit(tasks: Sequence[PredictedTask]) -> Estimate | None:
    """Estimate from the audit alone."""
    return estimate([BoxCluster(one.missed, one.objects) for one in tasks if one.is_audit and one.is_reviewed])


def estimate_from_both(tasks: Sequence[PredictedTask]) -> Estimate | None:
    """Estimate from both streams, post-stratified."""
    return pool_versions([tasks])[0]


def count_reviews(tasks: Sequence[PredictedTask]) -> Estimate | None:
    """Count all reviewed tasks alike."""
    done = [task for task in tasks if task.is_reviewed]
    return _count(done)


def count_boxes(tasks: Sequence[PredictedTask]) -> Estimate | None:
    """Count the audit, with Wilson's interval over boxes as if boxes of one image were independent."""
    return _count([task for task in tasks if task.is_audit and task.is_reviewed])


def estimate_by_stream(tasks: Sequence[PredictedTask]) -> Estimate | None:
    """Let the audit stand for all tasks that are not reviewed yet."""
    done = [task for task in tasks if task.is_reviewed]
    audit = [task for task in done if task.is_audit]
    if not audit:
        return None
    weight = {True: (len(tasks) - len(done) + len(audit)) / len(audit), False: 1.0}
    part = sum(weight[task.is_audit] * task.missed for task in done)
    whole = sum(weight[task.is_audit] * task.objects for task in done)
    return Estimate(part / whole, Interval(0.0, 1.0), len(done)) if whole else None


def _count(tasks: Sequence[PredictedTask]) -> Estimate | None:
    part, whole = sum(task.missed for task in tasks), sum(task.objects for task in tasks)
    interval = wilson(part, whole)
    return Estimate(part / whole, interval, len(tasks)) if interval else None


WAYS: dict[str, Callable[[Sequence[PredictedTask]], Estimate | None]] = {
    "audit alone": estimate_from_audit,
    "both, post-stratified": estimate_from_both,
    "all reviews, plain": count_reviews,
    "audit for the rest": estimate_by_stream,
    "audit, boxes independent": count_boxes,
}


@dataclass(frozen=True, slots=True)
class EstimateErrors:
    """The errors of a way to estimate: mean, spread, share of intervals that hold the truth, their mean width."""

    bias: float
    spread: float
    coverage: float
    width: float
    none: float


def measure_ways(
    ways: Sequence[str], done: float, *, projects: int = PROJECTS, seed: int = 1, **conditions: Any
) -> dict[str, EstimateErrors]:
    """Simulate projects of which the share *done* is reviewed; compare the estimates of each way with the truth."""
    rng = np.random.default_rng(seed)
    estimates: dict[str, list[tuple[Estimate | None, float]]] = {way: [] for way in ways}
    for _ in range(projects):
        project = simulate_project(rng, **conditions)
        tasks = list_tasks(project, find_reviewed(project, done))
        for way in ways:
            estimates[way].append((WAYS[way](tasks), project.truth))
    return {way: _measure_errors(answers) for way, answers in estimates.items()}


def _measure_errors(answers: Sequence[tuple[Estimate | None, float]]) -> EstimateErrors:
    given = [(answer, truth) for answer, truth in answers if answer]
    errors = [answer.share - truth for answer, truth in given]
    return EstimateErrors(
        bias=float(np.mean(errors)),
        spread=float(np.std(errors)),
        coverage=float(np.mean([answer.interval.low <= truth <= answer.interval.high for answer, truth in given])),
        width=float(np.mean([answer.interval.high - answer.interval.low for answer, _ in given])),
        none=1 - len(given) / len(answers),
    )


def measure_missed() -> Table:
    """Measure each way to estimate the missed rate."""
    columns = ("missed most", "done", "audit", "way", "mean error", "spread", "coverage", "width", "no answer")
    table = Table(*columns, box=None)
    for hardest in (0.6, 0.1):
        for done, share in ((0.1, 0.05), (0.3, 0.05), (0.7, 0.05), (0.3, 0.2)):
            for way, result in measure_ways(list(WAYS), done, share=share, hardest=hardest).items():
                shares = (f"{result.coverage:.1%}", f"{result.width:.3f}", f"{result.none:.1%}")
                conditions = (f"{hardest:.0%}", f"{done:.0%}", f"{share:.0%}")
                table.add_row(*conditions, way, f"{result.bias:+.3f}", f"{result.spread:.3f}", *shares)
    return table


def measure_batches() -> Table:
    """Measure the estimates with audited tasks placed among their batch of 200 tasks, and among all tasks."""
    table = Table("audited tasks are placed among", "done", "way", "mean error", "coverage", box=None)
    for by_batch in (True, False):
        for done in (0.1, 0.3, 0.7):
            ways = measure_ways(list(WAYS)[:2], done, projects=200, batches_differ=1.5, is_placed_by_batch=by_batch)
            for way, result in ways.items():
                table.add_row(
                    "their batch" if by_batch else "all",
                    f"{done:.0%}",
                    way,
                    f"{result.bias:+.3f}",
                    f"{result.coverage:.1%}",
                )
    return table


QUIET = {
    "any order, one version": Year(),
    "imports every 10 days, least certain first": Year(import_days=10),
    "and three promotions, 40 days apart": Year(import_days=10, promotion_days=40),
}
UNCLASSED = "the same imports, where no confidence is known"
QUIET[UNCLASSED] = Year(import_days=10)
FALLS = {
    "0.2 in the project": Year(import_days=10, fall=0.2),
    "0.1 in the project": Year(import_days=10, fall=0.1),
    "0.2 in one cohort of twenty": Year(import_days=10, fall=0.2, is_in_one_cohort=True),
    "0.1 in one cohort of twenty": Year(import_days=10, fall=0.1, is_in_one_cohort=True),
}


def measure_quiet_years() -> Table:
    """Count the alerts of quiet years; all of them are false."""
    table = Table("quiet year", "false alarms a year", "years without any", "by the audit alone", box=None)
    for name, year in QUIET.items():
        years = [simulate_year(np.random.default_rng(seed), year) for seed in range(YEARS)]
        if name == UNCLASSED:
            years = [[replace(verdict, confidence=None) for verdict in verdicts] for verdicts in years]
        alarms = [find_alerts(judged, field="source") for judged in years]
        a_year = np.array([len(one) for one in alarms])
        spread = a_year.std(ddof=1) / YEARS**0.5
        by_audit = sum(alert.stream == "audit" for one in alarms for alert in one) / YEARS
        table.add_row(name, f"{a_year.mean():.2f} ± {spread:.2f}", f"{np.mean(a_year == 0):.0%}", f"{by_audit:.2f}")
    return table


def measure_falls() -> Table:
    """Measure how long it takes until a fall of the confirmed rate is seen."""
    columns = ("fall of the confirmed rate", "seen", "tasks until seen", "working days", "change placed within")
    table = Table(*columns, box=None)
    for name, year in FALLS.items():
        first = [_first_alert(simulate_year(np.random.default_rng(seed), year), year) for seed in range(YEARS)]
        seen = [alert for alert in first if alert]
        days = np.array([(alert.seen_at - FIRST_DAY).total_seconds() / 86400 - year.fall_day for alert in seen])
        off = np.array([abs((alert.changed_at - FIRST_DAY).total_seconds() / 86400 - year.fall_day) for alert in seen])
        tasks = days * A_DAY / (20 if year.is_in_one_cohort else 1)
        table.add_row(
            name, f"{len(seen)} of {YEARS}", _quantiles(tasks), _quantiles(days), f"{np.median(off):.1f} days"
        )
    return table


def _first_alert(judged: Sequence[RatedVerdict], year: Year) -> Alert | None:
    cohort = "source=source 0" if year.is_in_one_cohort else "all tasks"
    late = (alert for alert in find_alerts(judged, field="source") if (alert.seen_at - FIRST_DAY).days >= year.fall_day)
    return next((alert for alert in late if (alert.cohort, alert.rate) == (cohort, "confirmed")), None)


def _quantiles(values: Numbers) -> str:
    if not len(values):
        return "none"
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


def main() -> None:
    """Print the tables named on the command line; all by default."""
    console = Console(width=150)
    measures = {
        "missed": [measure_missed],
        "batches": [measure_batches],
        "changes": [measure_quiet_years, measure_falls],
    }
    for name in sys.argv[1:] or measures:
        for measure in measures[name]:
            console.print(measure())


if __name__ == "__main__":
    main()
