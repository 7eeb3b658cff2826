"""Assembles the output of `loop rates`: verdicts by group, the missed rate over all tasks, annotators' seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from loop.errors import LoopError
from loop.rates.advice.advise import advise
from loop.rates.annotators.agreement import AnnotatorFigures
from loop.rates.annotators.compare import compare_by_annotator
from loop.rates.audit import PredictedTask, pool_versions
from loop.rates.confusion import MOST_LABELS, Confusion, make_confusion
from loop.rates.doubles import DoubleCounts, count_doubles
from loop.rates.intervals import Estimate
from loop.rates.over_time import RatesOverTime, arrange_by_week
from loop.rates.rates import (
    NO_VALUE,
    Grouping,
    RatedVerdict,
    Rates,
    choose_largest,
    estimate_missed,
    group_verdicts,
    name_cohort,
    tally,
)
from loop.rates.review_times import Seconds, TimedTask, measure_with_and_without
from loop.rates.room import RatesRoom
from loop.registry.version_order import version_key
from loop.reviews.review_store import CountedReview
from loop.reviews.verdicts import Decision

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RatesRequest:
    """A request: the grouping, the *field* that makes cohorts, reviews from *since* on, the *most* groups shown."""

    by: Grouping = Grouping.VERSION
    field: str = ""
    since: datetime | None = None
    most: int = 20


@dataclass(frozen=True, slots=True)
class RatesGroup:
    """
    One group: its rates, the advice for it, and the missed rate over all tasks from the audit alone.

    Of versions only: *pooled* is the missed rate over all tasks that the version predicted, from both streams;
    *doubles* counts its boxes held back beside a surer box with another label. Of annotators only: *compared* has them
    beside the others, None where they share no task with anyone.
    """

    name: str
    rates: Rates
    audited: Estimate | None
    pooled: Estimate | None
    seconds: Mapping[str, Seconds] | None  # None by label, because a task has many labels
    doubles: DoubleCounts | None = None
    compared: AnnotatorFigures | None = None
    advice: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assessment:
    """The groups shown, and the numbers of hidden groups and of their verdicts."""

    by: Grouping
    groups: Sequence[RatesGroup]
    more_groups: int
    more_verdicts: int


def assess(rates: RatesRoom, project_id: int, request: RatesRequest) -> Assessment:
    """Return the rates of a project by group. Raises UnknownProject, and LoopError for cohorts without a field."""
    field = _check_request(rates, project_id, request)
    judged = rates.store.read_verdicts(
        project_id, field=field if request.by == Grouping.COHORT else "", since=request.since
    )
    compared = compare_by_annotator(rates, project_id, request.since) if request.by == Grouping.ANNOTATOR else {}
    grouped = _sort_groups(group_verdicts(judged, request.by), request.by)
    grouped |= {name: [] for name in compared if name not in grouped}
    rates_by_group = {name: tally(verdicts) for name, verdicts in grouped.items()}
    is_cut = request.by == Grouping.COHORT or len(rates_by_group) > request.most > 0
    shown = _sort_groups(choose_largest(rates_by_group, request.most), request.by) if is_cut else rates_by_group
    counted = rates.find_counted(project_id)
    both = (
        _pool_by_version(rates, project_id, judged, counted)
        if request.by == Grouping.VERSION and request.since is None
        else {}
    )
    doubles = (
        count_doubles(rates.store.read_doubles(project_id, request.since)) if request.by == Grouping.VERSION else {}
    )
    timed = group_seconds(list_timed_tasks(rates, project_id, judged, counted, field, request.since), request.by)
    advice = advise_on_serving(rates, project_id, request.by, field=field, since=request.since)
    groups = [
        RatesGroup(
            name,
            rates_of_group,
            advice=advice.get(name, ()),
            audited=estimate_missed(grouped[name]),
            pooled=both.get(name),
            seconds=timed.get(name) if timed else None,
            doubles=doubles.get(name),
            compared=compared.get(name),
        )
        for name, rates_of_group in shown.items()
    ]
    hidden = [rates_of_group for name, rates_of_group in rates_by_group.items() if name not in shown]
    return Assessment(request.by, groups, len(hidden), sum(one.predicted + one.missed for one in hidden))


def measure_seconds_by_version(
    rates: RatesRoom, project_id: int, since: datetime | None = None
) -> dict[str, dict[str, Seconds]]:
    """The annotators' seconds by version, with boxes shown and without; NO_VALUE names tasks never predicted."""
    rates.studio.projects.get(project_id)
    judged = rates.store.read_verdicts(project_id, since=since)
    counted = rates.find_counted(project_id)
    return group_seconds(list_timed_tasks(rates, project_id, judged, counted, "", since), Grouping.VERSION)


def follow_rates(rates: RatesRoom, project_id: int, request: RatesRequest) -> RatesOverTime:
    """Return the rates of a project by week and group; by week there are no groups. Raises as `assess` does."""
    field = _check_request(rates, project_id, request)
    counts = rates.store.count_by_day(project_id, request.by, field=field, since=request.since)
    by = None if request.by == Grouping.WEEK else request.by
    advice = advise_on_serving(rates, project_id, by, field=field, since=request.since)
    return arrange_by_week(counts, request.by, request.most, advice)


def advise_on_serving(
    rates: RatesRoom, project_id: int, by: Grouping | None, *, field: str = "", since: datetime | None = None
) -> dict[str, tuple[str, ...]]:
    """Return the advice by group that follows from verdicts on the version that serves; *by* None: under NO_VALUE."""
    registry = rates.reviews.registry
    serving = registry.version_name(registry.versions.champion(project_id))
    cohorts = rates.store.read_cohorts(project_id, field) if by == Grouping.COHORT else None
    groups = rates.tasks.of_version(project_id, serving, by, cohorts=cohorts, since=since)
    return {name: tuple(advise(tasks)) for name, tasks in groups.items()}


def count_confusion(
    rates: RatesRoom,
    project_id: int,
    version: str | None = None,
    *,
    since: datetime | None = None,
    most: int = MOST_LABELS,
) -> Confusion:
    """Count the boxes of a project by predicted and reviewed label, of one version or all. Raises UnknownProject."""
    rates.studio.projects.get(project_id)
    return make_confusion(rates.store.count_pairs(project_id, version, since), version, most)


def _check_request(rates: RatesRoom, project_id: int, request: RatesRequest) -> str:
    """Return the field that makes cohorts. Raises UnknownProject, and LoopError for cohorts without a field."""
    rates.studio.projects.get(project_id)
    field = request.field or rates.cohort_field
    if request.by == Grouping.COHORT and not field:
        raise LoopError("cohorts: which field of the task data tells them? Give --field, or set LOOP_COHORT_FIELD")
    return field


def _sort_groups(groups: Mapping[str, T], by: Grouping) -> dict[str, T]:
    """Sort versions by their numbers, and weeks by time; leave any other grouping in its order."""
    ordered = {Grouping.VERSION: sorted(groups, key=version_key), Grouping.WEEK: sorted(groups)}
    return {name: groups[name] for name in ordered.get(by, groups)}


def group_seconds(tasks: Sequence[TimedTask], by: Grouping) -> dict[str, dict[str, Seconds]]:
    """Measure seconds by group; empty by label, because a task has many labels."""
    groups: dict[str, list[TimedTask]] = {}
    for task in tasks if by not in (Grouping.LABEL, Grouping.SOURCE) else ():
        groups.setdefault(getattr(task, by.value), []).append(task)
    return {name: measure_with_and_without(members) for name, members in _sort_groups(groups, by).items()}


def list_timed_tasks(
    rates: RatesRoom,
    project_id: int,
    judged: Sequence[RatedVerdict],
    counted: Mapping[int, CountedReview],
    field: str,
    since: datetime | None,
) -> list[TimedTask]:
    """Every reviewed task with its seconds; a task without verdicts counts for the last version that predicted it."""
    verdict_of = {verdict.task_id: verdict for verdict in judged}
    shown = {verdict.task_id for verdict in judged if verdict.decision != Decision.MISSED}
    newest = rates.store.read_newest_versions(project_id, set(counted) - set(verdict_of))
    timed = []
    for task_id, latest in counted.items():
        review, verdict = latest.review, verdict_of.get(task_id)
        if since is not None and review.updated_at < since:
            continue
        version, stream = (verdict.version, verdict.stream) if verdict else newest.get(task_id, (NO_VALUE, NO_VALUE))
        timed.append(
            TimedTask(
                task_id=task_id,
                version=version,
                seconds=review.lead_time,
                objects=len(review.regions),
                is_shown=task_id in shown,
                stream=stream,
                week=f"{review.updated_at:%G-W%V}",
                cohort=name_cohort(latest.data, field),
                annotator=NO_VALUE if review.annotator is None else str(review.annotator),
            )
        )
    return timed


def _pool_by_version(
    rates: RatesRoom, project_id: int, judged: Sequence[RatedVerdict], counted: Mapping[int, CountedReview]
) -> dict[str, Estimate | None]:
    """The missed rate of each version over all tasks it predicted, without those whose objects nobody judged it by."""
    predicted = rates.store.read_predicted_tasks(project_id)
    verdicts_of = group_by_task(judged)
    last_version = {task_id: version for version, tasks in predicted.items() for task_id in tasks}
    for task_id in counted:
        verdicts = verdicts_of.get(task_id)
        version = verdicts[0].version if verdicts else last_version.get(task_id)
        task = predicted.get(version or "", {}).get(task_id)
        if task and version and not verdicts and counted[task_id].review.regions:
            del predicted[version][task_id]
        elif task and version:
            predicted[version][task_id] = add_verdicts(task, verdicts or [])
    return dict(zip(predicted, pool_versions([list(tasks.values()) for tasks in predicted.values()]), strict=True))


def group_by_task(judged: Sequence[RatedVerdict]) -> dict[int, list[RatedVerdict]]:
    """Group verdicts by task."""
    groups: dict[int, list[RatedVerdict]] = {}
    for verdict in judged:
        groups.setdefault(verdict.task_id, []).append(verdict)
    return groups


def add_verdicts(task: PredictedTask, seen: Sequence[RatedVerdict]) -> PredictedTask:
    """Count the verdicts of a task; no verdicts mean no prediction and no object."""
    decisions = [verdict.decision for verdict in seen]
    missed = decisions.count(Decision.MISSED)
    objects = len(decisions) - decisions.count(Decision.FALSE_POSITIVE)
    return replace(task, is_reviewed=True, missed=missed, objects=objects)
