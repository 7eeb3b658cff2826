"""Sums up the runs of a study by their order. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scripts.learning.curves import Between, area, labels_needed, mean_over_seeds
from scripts.learning.plan import FULL, RunResult

SHARES = (0.9, 0.95)  # of the precision with all images
RANDOM = "random"


@dataclass(frozen=True, slots=True)
class OrderSummary:
    """
    An order over its seeds: the last mAP50-95, and areas under the curves.

    *gain* is the area of a seed less that of the random order with the same seed; None without that order. *needed*
    has, by share, the labelled images after which the curve reaches that share of the precision with all images, for
    the *reached* seeds alone; *edits* is the number of edits an image in each round.
    """

    order: str
    seeds: int
    last: Between
    area: Between
    area_by_boxes: Between
    area_by_seconds: Between
    gain: Between | None
    needed: dict[float, tuple[Between | None, int]]
    edits: tuple[float, ...]
    without: float


def summarise(runs: Sequence[RunResult]) -> list[OrderSummary]:
    """Sum up the runs of each order, in the order in which they come."""
    full = {run.plan.seed: run.rounds[-1].map50_95 for run in runs if run.plan.order == FULL}
    random = {run.plan.seed: find_area(run) for run in runs if run.plan.order == RANDOM}
    orders = dict.fromkeys(run.plan.order for run in runs if run.plan.order != FULL)
    return [_summarise([run for run in runs if run.plan.order == order], full, random) for order in orders]


def find_area(run: RunResult, along: Callable[[RunResult], list[float]] | None = None) -> float:
    """Return the area under the curve of a run, along the labelled images or other labels."""
    return area(along(run) if along else list_labelled(run), [each.map50_95 for each in run.rounds])


def list_labelled(run: RunResult) -> list[float]:
    """Return the images labelled after each round."""
    return [float(each.labelled) for each in run.rounds]


def _summarise(runs: Sequence[RunResult], full: dict[int, float], random: dict[int, float]) -> OrderSummary:
    gains = [find_area(run) - random[run.plan.seed] for run in runs if run.plan.seed in random]
    rounds = range(min(len(run.rounds) for run in runs))
    images = sum(each.work["image"] for run in runs for each in run.rounds)
    return OrderSummary(
        order=runs[0].plan.order,
        seeds=len(runs),
        last=mean_over_seeds([run.rounds[-1].map50_95 for run in runs]),
        area=mean_over_seeds([find_area(run) for run in runs]),
        area_by_boxes=mean_over_seeds(
            [find_area(run, lambda run: [float(each.boxes) for each in run.rounds]) for run in runs]
        ),
        area_by_seconds=mean_over_seeds(
            [find_area(run, lambda run: [each.seconds for each in run.rounds]) for run in runs]
        ),
        gain=mean_over_seeds(gains) if gains else None,
        needed={share: _find_needed(runs, full, share) for share in SHARES},
        edits=tuple(mean_over_seeds([run.rounds[at].edits_an_image for run in runs]).mean for at in rounds),
        without=sum(each.drawn_without for run in runs for each in run.rounds) / max(1, images),
    )


def _find_needed(runs: Sequence[RunResult], full: dict[int, float], share: float) -> tuple[Between | None, int]:
    needed = [
        labels_needed(list_labelled(run), [each.map50_95 for each in run.rounds], share * full[run.plan.seed])
        for run in runs
        if run.plan.seed in full
    ]
    reached = [labels for labels in needed if labels is not None]
    return (mean_over_seeds(reached) if reached else None), len(reached)
