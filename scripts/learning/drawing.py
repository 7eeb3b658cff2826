"""Draws the curves of a study."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from scripts.learning.plan import FULL, RoundResult, RunResult

AXES: dict[str, Callable[[RoundResult], float]] = {
    "labelled images": lambda each: each.labelled,
    "labelled boxes": lambda each: each.boxes,
    "annotator's minutes (assumed costs)": lambda each: each.seconds / 60,
}


def draw_curves(runs: Sequence[RunResult], path: Path, *, title: str) -> None:
    """Draw mAP50-95 along images, boxes and minutes, and the edits an image of each round; means over seeds."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, plots = plt.subplots(1, len(AXES) + 1, figsize=(18, 4.5), layout="constrained")
    orders = dict.fromkeys(run.plan.order for run in runs if run.plan.order != FULL)
    for order in orders:
        of_order = [run for run in runs if run.plan.order == order]
        for plot, along in zip(plots, AXES.values(), strict=False):
            plot.plot(_average(of_order, along), _average(of_order, lambda each: each.map50_95), "o-", label=order)
        edits = _average(of_order, lambda each: each.edits_an_image)
        plots[-1].plot(range(1, len(edits) + 1), edits, "o-", label=order)
    full = [run.rounds[-1].map50_95 for run in runs if run.plan.order == FULL]
    for plot, name in zip(plots, AXES, strict=False):
        _finish(plot, name, "mAP50-95, held out")
        if full:
            plot.axhline(statistics.fmean(full), linestyle=":", color="grey")
    _finish(plots[-1], "round", "edits an image")
    plots[0].legend(fontsize="small")
    figure.suptitle(title)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _average(runs: Sequence[RunResult], read: Callable[[RoundResult], float]) -> list[float]:
    """Return the mean over seeds in each round."""
    return [statistics.fmean(read(run.rounds[at]) for run in runs) for at in range(min(len(r.rounds) for r in runs))]


def _finish(plot: Any, along: str, up: str) -> None:
    plot.set_xlabel(along)
    plot.set_ylabel(up)
    plot.grid(alpha=0.3)
