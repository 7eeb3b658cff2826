"""
Measure what `docs/rates.md` says: is the missed rate right, do its intervals hold, how fast is a fall seen.

`python -m scripts.bench.rates missed` simulates projects whose truth is known, of which the queue has served a part;
`… batches` places the audit in two ways; `… changes` simulates quiet years and falls.
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
    predicted,
    reviewed_until,
    simulate_project,
    simulate_year,
)

PROJECTS, YEARS = 1000, 40  # simulated for each row


def of_audit(tasks: Sequence[PredictedTask]) -> Estimate | None:
    """The estimate from the audit alone."""
    return estimate([BoxCluster(one.missed, one.objects) for one in tasks if one.is_audit and one.is_reviewed])


def of_both(tasks: Sequence[PredictedTask]) -> Estimate | None:
    """The post-stratified estimate from both streams."""
    return pool_versions([tasks])[0]


def plain(tasks: Sequence[PredictedTask]) -> Estimate | None:
    """What counting all that is reviewed would say."""
    done = [one for one in tasks if one.is_reviewed]
    return _counted(done)


def boxwise(tasks: Sequence[PredictedTask]) -> Estimate | None:
    """The audit with Wilson's interval over boxes, as if those of one image were independent."""
    return _counted([one for one in tasks if one.is_audit and one.is_reviewed])


def by_stream(tasks: Sequence[PredictedTask]) -> Estimate | None:
    """What it would be to let the audit stand for everything that is not reviewed yet."""
    done = [one for one in tasks if one.is_reviewed]
    audit = [one for one in done if one.is_audit]
    if not audit:
        return None
    weight = {True: (len(tasks) - len(done) + len(audit)) / len(audit), False: 1.0}
    part = sum(weight[one.is_audit] * one.missed for one in done)
    whole = sum(weight[one.is_audit] * one.objects for one in done)
    return Estimate(part / whole, Interval(0.0, 1.0), len(done)) if whole else None


def _counted(tasks: Sequence[PredictedTask]) -> Estimate | None:
    part, whole = sum(one.missed for one in tasks), sum(one.objects for one in tasks)
    interval = wilson(part, whole)
    return Estimate(part / whole, interval, len(tasks)) if interval else None


WAYS: dict[str, Callable[[Sequence[PredictedTask]], Estimate | None]] = {
    "audit alone": of_audit,
    "both, post-stratified": of_both,
    "all reviews, plain": plain,
    "audit for the rest": by_stream,
    "audit, boxes independent": boxwise,
}


@dataclass(frozen=True, slots=True)
class Held:
    """How a way to estimate did: mean error, its spread, how many intervals held the truth, their mean width."""

    bias: float
    spread: float
    coverage: float
    width: float
    none: float


def held(ways: Sequence[str], done: float, *, projects: int = PROJECTS, seed: int = 1, **made: Any) -> dict[str, Held]:
    """Play projects of which *done* is reviewed, and compare the estimates of each way with the truth."""
    rng = np.random.default_rng(seed)
    estimates: dict[str, list[tuple[Estimate | None, float]]] = {way: [] for way in ways}
    for _ in range(projects):
        project = simulate_project(rng, **made)
        tasks = predicted(project, reviewed_until(project, done))
        for way in ways:
            estimates[way].append((WAYS[way](tasks), project.truth))
    return {way: _held(answers) for way, answers in estimates.items()}


def _held(answers: Sequence[tuple[Estimate | None, float]]) -> Held:
    given = [(answer, truth) for answer, truth in answers if answer]
    errors = [answer.share - truth for answer, truth in given]
    return Held(
        bias=float(np.mean(errors)),
        spread=float(np.std(errors)),
        coverage=float(np.mean([answer.interval.low <= truth <= answer.interval.high for answer, truth in given])),
        width=float(np.mean([answer.interval.high - answer.interval.low for answer, _ in given])),
        none=1 - len(given) / len(answers),
    )


def missed() -> Table:
    """How each way to estimate the missed rate does."""
    columns = ("missed most", "done", "audit", "way", "mean error", "spread", "coverage", "width", "no answer")
    table = Table(*columns, box=None)
    for hardest in (0.6, 0.1):
        for done, share in ((0.1, 0.05), (0.3, 0.05), (0.7, 0.05), (0.3, 0.2)):
            for way, result in held(list(WAYS), done, share=share, hardest=hardest).items():
                shares = (f"{result.coverage:.1%}", f"{result.width:.3f}", f"{result.none:.1%}")
                conditions = (f"{hardest:.0%}", f"{done:.0%}", f"{share:.0%}")
                table.add_row(*conditions, way, f"{result.bias:+.3f}", f"{result.spread:.3f}", *shares)
    return table


def batches() -> Table:
    """What it does to place the audited tasks among those of their batch of 200, or among all."""
    table = Table("audited tasks are placed among", "done", "way", "mean error", "coverage", box=None)
    for by_batch in (True, False):
        for done in (0.1, 0.3, 0.7):
            ways = held(list(WAYS)[:2], done, projects=200, batches_differ=1.5, is_placed_by_batch=by_batch)
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


def quiet() -> Table:
    """Alerts of quiet years; every one of them is false."""
    table = Table("quiet year", "false alarms a year", "years without any", "by the audit alone", box=None)
    for name, year in QUIET.items():
        years = [simulate_year(np.random.default_rng(seed), year) for seed in range(YEARS)]
        if name == UNCLASSED:
            years = [[replace(one, confidence=None) for one in judged] for judged in years]
        alarms = [find_alerts(judged, field="source") for judged in years]
        a_year = np.array([len(one) for one in alarms])
        spread = a_year.std(ddof=1) / YEARS**0.5
        by_audit = sum(alert.stream == "audit" for one in alarms for alert in one) / YEARS
        table.add_row(name, f"{a_year.mean():.2f} ± {spread:.2f}", f"{np.mean(a_year == 0):.0%}", f"{by_audit:.2f}")
    return table


def falls() -> Table:
    """How long it takes until a fall of the confirmed rate is seen."""
    columns = ("fall of the confirmed rate", "seen", "tasks until seen", "working days", "change placed within")
    table = Table(*columns, box=None)
    for name, year in FALLS.items():
        first = [_first_alert(simulate_year(np.random.default_rng(seed), year), year) for seed in range(YEARS)]
        seen = [one for one in first if one]
        days = np.array([(one.seen_at - FIRST_DAY).total_seconds() / 86400 - year.fall_day for one in seen])
        off = np.array([abs((one.changed_at - FIRST_DAY).total_seconds() / 86400 - year.fall_day) for one in seen])
        tasks = days * A_DAY / (20 if year.is_in_one_cohort else 1)
        table.add_row(
            name, f"{len(seen)} of {YEARS}", _quantiles(tasks), _quantiles(days), f"{np.median(off):.1f} days"
        )
    return table


def _first_alert(judged: Sequence[RatedVerdict], year: Year) -> Alert | None:
    cohort = "source=source 0" if year.is_in_one_cohort else "all tasks"
    late = (one for one in find_alerts(judged, field="source") if (one.seen_at - FIRST_DAY).days >= year.fall_day)
    return next((one for one in late if (one.cohort, one.rate) == (cohort, "confirmed")), None)


def _quantiles(values: Numbers) -> str:
    if not len(values):
        return "none"
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


def main() -> None:
    """Print what is asked for."""
    console = Console(width=150)
    measures = {"missed": [missed], "batches": [batches], "changes": [quiet, falls]}
    for name in sys.argv[1:] or measures:
        for measure in measures[name]:
            console.print(measure())


if __name__ == "__main__":
    main()
