"""Draws the curves of a study."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from scripts.learning.plan import FULL, TRAIN_CPU, RoundResult, RunResult

PRECISION = "mAP50-95, held out"
Read = Callable[[RunResult], list[float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot: the names of its axes, and their values after each round of a run."""

    along: str
    up: str
    read_along: Read
    read_up: Read


def _of_rounds(read: Callable[[RoundResult], float]) -> Read:
    return lambda run: [read(each) for each in run.rounds]


_PRECISIONS = _of_rounds(lambda each: each.map50_95)
_IMAGES = Panel("labelled images", PRECISION, _of_rounds(lambda each: each.labelled), _PRECISIONS)
_EDITS = Panel("round", "edits an image", _of_rounds(lambda each: each.number), _of_rounds(lambda r: r.edits_an_image))
ORDERS = (
    _IMAGES,
    Panel("labelled boxes", PRECISION, _of_rounds(lambda each: each.boxes), _PRECISIONS),
    Panel("annotator's minutes (assumed costs)", PRECISION, _of_rounds(lambda each: each.seconds / 60), _PRECISIONS),
    _EDITS,
)
_FIRST = Panel("round", "mAP50-95, what came first", _EDITS.read_along, _of_rounds(lambda each: each.earlier or 0.0))
POLICIES = (
    _IMAGES,
    Panel(
        "CPU seconds of trainings",
        PRECISION,
        lambda run: list(accumulate(each.took[TRAIN_CPU] for each in run.rounds)),
        _PRECISIONS,
    ),
    _FIRST,
    _EDITS,
)


def choose_panels(run: RunResult) -> tuple[Panel, ...]:
    """Return the panels for runs like this one: precision on the first images alone where it was measured."""
    if not run.plan.is_of_trainings:
        return ORDERS
    return POLICIES if run.rounds[0].earlier is not None else tuple(each for each in POLICIES if each is not _FIRST)


def draw_curves(runs: Sequence[RunResult], path: Path, *, title: str) -> None:
    """Draw the panels of a study, a line for each order or policy; means over seeds."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    panels = choose_panels(runs[0])
    figure, plots = plt.subplots(1, len(panels), figsize=(18, 4.5), layout="constrained")
    variants = dict.fromkeys(run.plan.variant for run in runs if run.plan.order != FULL)
    full = [run.rounds[-1].map50_95 for run in runs if run.plan.order == FULL]
    for plot, panel in zip(plots, panels, strict=True):
        for variant in variants:
            alike = [run for run in runs if run.plan.variant == variant]
            plot.plot(_average(alike, panel.read_along), _average(alike, panel.read_up), "o-", label=variant)
        if full and panel.up == PRECISION:
            plot.axhline(statistics.fmean(full), linestyle=":", color="grey")
        plot.set_xlabel(panel.along)
        plot.set_ylabel(panel.up)
        plot.grid(alpha=0.3)
    plots[0].legend(fontsize="small")
    figure.suptitle(title)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _average(runs: Sequence[RunResult], read: Read) -> list[float]:
    """Return the mean over seeds after each round."""
    return [statistics.fmean(values) for values in zip(*(read(run) for run in runs), strict=False)]
