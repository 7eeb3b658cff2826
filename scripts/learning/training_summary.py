"""Sums up the runs of a study of trainings by their policy. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scripts.learning.curves import Between, area, mean_over_seeds
from scripts.learning.plan import TRAIN_CPU, RunResult
from scripts.learning.study_policy import DEFAULT
from scripts.learning.summary import list_precisions

Read = Callable[[RunResult], float]


@dataclass(frozen=True, slots=True)
class PolicySummary:
    """
    A policy over its seeds: the last mAP50-95, the *area* under the curve along images, the *seconds* of its trainings.

    The seconds are those of all cores, over all rounds. *earlier* has the mAP50-95 on what came first, after each
    round; empty for a data set that has no such images. *last_gain* and *area_gain* are the differences to the default
    policy with the same seed, *earlier_gain* that after the last round, and *cost* is the ratio of the seconds; None
    without that policy. *outcomes* counts the gate's rulings.
    """

    policy: str
    seeds: int
    last: Between
    area: Between
    seconds: Between
    earlier: tuple[Between, ...]
    last_gain: Between | None
    area_gain: Between | None
    earlier_gain: Between | None
    cost: Between | None
    outcomes: Mapping[str, int]


def summarise_policies(runs: Sequence[RunResult]) -> list[PolicySummary]:
    """Sum up the runs of each policy, in the order in which they come."""
    defaults = {run.plan.seed: run for run in runs if run.plan.policy == DEFAULT}
    policies = dict.fromkeys(run.plan.variant for run in runs)
    return [_summarise([run for run in runs if run.plan.variant == policy], defaults) for policy in policies]


def _summarise(runs: Sequence[RunResult], defaults: Mapping[int, RunResult]) -> PolicySummary:
    pairs = [(run, defaults[run.plan.seed]) for run in runs if run.plan.seed in defaults]
    rounds = range(min(len(run.rounds) for run in runs))
    has_earlier = all(each.earlier is not None for run in runs for each in run.rounds)

    def compare(read: Read) -> Between | None:
        return mean_over_seeds([read(run) - read(default) for run, default in pairs]) if pairs else None

    return PolicySummary(
        policy=runs[0].plan.variant,
        seeds=len(runs),
        last=mean_over_seeds([_read_last(run) for run in runs]),
        area=mean_over_seeds([_find_area(run) for run in runs]),
        seconds=mean_over_seeds([_add_seconds(run) for run in runs]),
        earlier=tuple(mean_over_seeds([run.rounds[at].earlier or 0.0 for run in runs]) for at in rounds if has_earlier),
        last_gain=compare(_read_last),
        area_gain=compare(_find_area),
        earlier_gain=compare(lambda run: run.rounds[-1].earlier or 0.0) if has_earlier else None,
        cost=mean_over_seeds([_add_seconds(run) / _add_seconds(default) for run, default in pairs]) if pairs else None,
        outcomes=dict(Counter(each.outcome for run in runs for each in run.rounds)),
    )


def _read_last(run: RunResult) -> float:
    return run.rounds[-1].map50_95


def _find_area(run: RunResult) -> float:
    labelled = [float(each.labelled) for each in run.rounds]
    return area(labelled, list_precisions(run), labelled[-1])


def _add_seconds(run: RunResult) -> float:
    return sum(each.took[TRAIN_CPU] for each in run.rounds)
