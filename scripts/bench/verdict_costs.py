"""
Measure how often the intervals of `loop rates --seconds` hold the truth, on simulated annotators.

`python -m scripts.bench.verdict_costs [PROJECTS]` simulates so many projects of each size. In each, 20 images are drawn
by hand first.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from loop.rates.review_work import WORKS
from loop.rates.verdict_costs import CostPolicy, VersionCosts, measure_costs
from scripts.bench.simulated_reviews import SimulatedAnnotator, saved_in_truth, simulate_reviews

PROJECTS, SIZES, BY_HAND = 300, (40, 100, 300, 1000), 20
ANNOTATORS = {
    "as described": SimulatedAnnotator(),
    "very uneven": SimulatedAnnotator(spread=0.6, breaks=0.08),
    "suggestions hinder": SimulatedAnnotator(seconds=(4.0, 1.0, 8.0, 5.0, 5.0, 4.0)),
}


def main() -> None:
    """Print a row for each annotator and size."""
    projects = int(sys.argv[1]) if len(sys.argv) > 1 else PROJECTS
    columns = (*(work.value for work in WORKS), "saved", "minutes saved", "interval", "seconds of work")
    table = Table("annotator", "reviews", *columns, title="share of 95% intervals that hold the truth", box=None)
    for name, annotator in ANNOTATORS.items():
        for size in SIZES:
            table.add_row(name, str(size), *measure(annotator, size, projects))
            Console(width=180, stderr=True).print(name, size)
    Console(width=180).print(table)


def measure(annotator: SimulatedAnnotator, size: int, projects: int) -> list[str]:
    """Return the cells of a row."""
    rng, began = np.random.default_rng(size), time.process_time()
    held: dict[str, list[bool]] = {name: [] for name in (*(work.value for work in WORKS), "saved")}
    saved, widths = [], []
    for _ in range(projects):
        by_hand = simulate_reviews(rng, annotator, BY_HAND, is_shown=False)
        reviews = simulate_reviews(rng, annotator, size)
        costs = measure_costs(reviews, by_hand, CostPolicy())
        note_held(held, costs, annotator, saved_in_truth(reviews, annotator))
        if costs.saved:
            saved.append(costs.saved.value)
            widths.append(costs.saved.interval.high - costs.saved.interval.low)
    taken = (time.process_time() - began) / projects
    shares = [f"{np.mean(each):.0%}" if each else "too few" for each in held.values()]
    return [*shares, f"{np.median(saved):.1f}", f"{np.median(widths):.1f} wide", f"{taken:.2f}"]


def note_held(held: dict[str, list[bool]], costs: VersionCosts, annotator: SimulatedAnnotator, truth: float) -> None:
    """Note for each interval whether it holds the truth."""
    for work, seconds in zip(WORKS, annotator.seconds, strict=True):
        if cost := costs.seconds.get(work):
            held[work.value].append(cost.interval.low <= seconds <= cost.interval.high)
    if costs.saved:
        held["saved"].append(costs.saved.interval.low <= truth <= costs.saved.interval.high)


if __name__ == "__main__":
    main()
