"""Sums up the runs of a study by their order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scripts.learning.curves import Between, area, labels_needed, mean_over_seeds
from scripts.learning.plan import FULL, RoundResult, RunResult

SHARES = (0.9, 0.95)  # of the precision with all images
RANDOM = "random"
AXES: Mapping[str, Callable[[RoundResult], float]] = {  # of a learning curve
    "images": lambda each: float(each.labelled),
    "boxes": lambda each: float(each.boxes),
    "seconds": lambda each: each.seconds,
}


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """
    An order over its seeds: the last mAP50-95, and by axis the *areas* under the curves.

    Curves of one seed are compared up to the least end of any of them. *gains* are the areas less those of the random
    order with the same seed; empty without that order. *needed* has, by share, the labelled images after which the
    curve reaches that share of the precision with all images, and how many seeds *reached* it: the mean is that of
    these seeds alone. It is empty where no run reviewed all images. *edits* is the number of edits an image in each
    round, *without* that without suggestions.
    """

    order: str
    seeds: int
    last: Between
    areas: dict[str, Between]
    gains: dict[str, Between]
    needed: dict[float, tuple[Between | None, int]]
    edits: tuple[float, ...]
    without: float


def summarise(runs: Sequence[RunResult]) -> list[OrderSummary]:
    """Sum up the runs of each order, in the order in which they come."""
    full = {run.plan.seed: run.rounds[-1].map50_95 for run in runs if run.plan.order == FULL}
    loops = [run for run in runs if run.plan.order != FULL]
    areas = {name: _find_areas(loops, read) for name, read in AXES.items()}
    orders = dict.fromkeys(run.plan.order for run in loops)
    return [_summarise([run for run in loops if run.plan.order == order], full, areas) for order in orders]


def list_precisions(run: RunResult) -> list[float]:
    """Return the mAP50-95 after each round."""
    return [each.map50_95 for each in run.rounds]


def _find_areas(runs: Sequence[RunResult], read: Callable[[RoundResult], float]) -> dict[tuple[str, int], float]:
    """Return the area under the curve of each run, by order and seed."""
    ends: dict[int, float] = {}
    for run in runs:
        ends[run.plan.seed] = min(ends.get(run.plan.seed, float("inf")), read(run.rounds[-1]))
    return {
        (run.plan.order, run.plan.seed): area(
            [read(each) for each in run.rounds], list_precisions(run), ends[run.plan.seed]
        )
        for run in runs
    }


def _summarise(
    runs: Sequence[RunResult], full: Mapping[int, float], areas: Mapping[str, Mapping[tuple[str, int], float]]
) -> OrderSummary:
    order, seeds = runs[0].plan.order, [run.plan.seed for run in runs]
    images = sum(each.work["image"] for run in runs for each in run.rounds)
    gains = {
        axis: [of_run[order, seed] - of_run[RANDOM, seed] for seed in seeds if (RANDOM, seed) in of_run]
        for axis, of_run in areas.items()
    }
    return OrderSummary(
        order=order,
        seeds=len(runs),
        last=mean_over_seeds([run.rounds[-1].map50_95 for run in runs]),
        areas={axis: mean_over_seeds([of_run[order, seed] for seed in seeds]) for axis, of_run in areas.items()},
        gains={axis: mean_over_seeds(of_axis) for axis, of_axis in gains.items() if of_axis},
        needed={share: _find_needed(runs, full, share) for share in (SHARES if full else ())},
        edits=tuple(
            mean_over_seeds([run.rounds[at].edits_an_image for run in runs]).mean
            for at in range(min(len(run.rounds) for run in runs))
        ),
        without=sum(each.drawn_without for run in runs for each in run.rounds) / max(1, images),
    )


def _find_needed(runs: Sequence[RunResult], full: Mapping[int, float], share: float) -> tuple[Between | None, int]:
    needed = [
        labels_needed([AXES["images"](each) for each in run.rounds], list_precisions(run), share * full[run.plan.seed])
        for run in runs
        if run.plan.seed in full
    ]
    reached = [labels for labels in needed if labels is not None]
    return (mean_over_seeds(reached) if reached else None), len(reached)
