"""The command that shows the rates of verdicts, as tables or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from loop.cli.curves.annotators import COMPARED, COMPARISONS, compared_cells, compared_json
from loop.cli.curves.rates_over_time import (
    NO_VERDICTS,
    estimate_json,
    estimate_text,
    plain_json,
    print_confusion,
    print_shadow,
    print_weekly,
    share_text,
)
from loop.cli.grid import Field, show_table
from loop.cli.options import AsJson, ProjectId, judged_version, open_rooms, out, print_json
from loop.rates.alerts import Alert
from loop.rates.assess import (
    Assessment,
    RatesGroup,
    RatesRequest,
    assess,
    count_confusion,
    follow_rates,
    measure_seconds_by_version,
)
from loop.rates.compare_shadow import compare_shadows
from loop.rates.measure_costs import measure_costs_by_version
from loop.rates.rates import NO_VALUE, Grouping, Rates
from loop.rates.review_times import Seconds, Spread
from loop.rates.review_work import WorkKind
from loop.rates.verdict_costs import Cost, VersionCosts
from loop.rooms import Rooms
from loop.storage.storable import LARGEST_ID
from loop.training.learning_curve import draw_curve

FROM_AUDIT = "missed (all tasks, from the audit)"
FROM_BOTH = "missed (all its tasks, both streams)"

app = typer.Typer()


GroupBy = Annotated[Grouping | None, typer.Option("--by", help="Group by; default: version, or cohort with --field.")]
CohortField = Annotated[str, typer.Option("--field", help="Task data field whose values are the cohorts.")]
SinceDay = Annotated[
    datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="Reviews from this day on; UTC.")
]
MostGroups = Annotated[
    int, typer.Option("--most", min=0, max=LARGEST_ID, help="Largest number of groups, largest first; 0: all.")
]
OfVersion = Annotated[str | None, typer.Option("--version", help="With --confusion: only verdicts on this version.")]
ShowSeconds = Annotated[
    bool, typer.Option("--seconds", help="Show annotators' seconds by version and verdict instead.")
]
ShowAlerts = Annotated[bool, typer.Option("--alerts", help="Show past alerts instead.")]
ShowShadow = Annotated[
    bool, typer.Option("--shadow", help="Compare a shadow with the version that served, on the same tasks.")
]
ShowWeekly = Annotated[
    bool, typer.Option("--weekly", help="Show the confirmed rate by week, of the whole and of each group.")
]
ShowConfusion = Annotated[
    bool, typer.Option("--confusion", help="Count boxes by predicted and reviewed label instead.")
]


@app.command()
def rates(  # noqa: PLR0913, PLR0917 (each is an option)
    project: ProjectId,
    by: GroupBy = None,
    field: CohortField = "",
    since: SinceDay = None,
    most: MostGroups = 20,
    show_seconds: ShowSeconds = False,
    show_alerts: ShowAlerts = False,
    is_shadow: ShowShadow = False,
    is_weekly: ShowWeekly = False,
    is_confusion: ShowConfusion = False,
    version: OfVersion = None,
    as_json: AsJson = False,
) -> None:
    """Show the rate of each verdict with its 95% interval, and advice."""
    rooms = open_rooms(project)
    start = since.replace(tzinfo=UTC) if since else None
    default = Grouping.COHORT if field else Grouping.WEEK if is_weekly else Grouping.VERSION
    request = RatesRequest(by or default, field, start, most)
    if show_alerts:
        _print_alerts(rooms, project, as_json=as_json)
    elif show_seconds:
        _print_seconds(rooms, project, start, as_json=as_json)
    elif is_shadow:
        print_shadow(compare_shadows(rooms.rates, project), as_json=as_json)
    elif is_weekly:
        print_weekly(follow_rates(rooms.rates, project, request), as_json=as_json)
    elif is_confusion:
        name = judged_version(rooms, project, version)
        print_confusion(count_confusion(rooms.rates, project, name, since=start, most=most), as_json=as_json)
    else:
        _print_assessment(rooms, project, request, as_json=as_json)


def _print_assessment(rooms: Rooms, project: int, request: RatesRequest, *, as_json: bool) -> None:
    assessment = assess(rooms.rates, project, request)
    outlook = draw_curve(rooms.trainings, project).outlook
    if as_json:
        print_json(rates_json(assessment) | {"outlook": asdict(outlook) if outlook else None})
        return
    show_rates(out, assessment)
    if outlook:
        out.print(f"{outlook} (loop models curve --project {project})")


def _print_alerts(rooms: Rooms, project: int, *, as_json: bool) -> None:
    alerts = rooms.rates.store.read_alerts(project)
    if as_json:
        print_json([alert.body() for alert in alerts])
    else:
        show_alerts(out, alerts)


def _print_seconds(rooms: Rooms, project: int, since: datetime | None, *, as_json: bool) -> None:
    seconds = measure_seconds_by_version(rooms.rates, project, since)
    costs = measure_costs_by_version(rooms.rates, project, since)
    if as_json:
        told = {name: asdict(cost) for name, cost in costs.items()}
        print_json({name: {**seconds_json(parts), "costs": told.get(name)} for name, parts in seconds.items()})
    else:
        show_seconds(out, seconds)
        show_costs(out, costs)


def show_rates(out: Console, assessment: Assessment) -> None:
    """Print one row per group, with advice below."""
    if not assessment.groups:
        out.print(NO_VERDICTS)
        return
    is_pooled, is_compared = assessment.by == Grouping.VERSION, assessment.by == Grouping.ANNOTATOR
    shares = [Field(name.replace("_", " "), is_number=True) for name in Rates().shares()]
    estimates = [Field(FROM_AUDIT, is_number=True), *([Field(FROM_BOTH, is_number=True)] if is_pooled else [])]
    estimates += [Field(name, is_number=True) for name in COMPARISONS if is_compared]
    rows = [_group_row(group, is_pooled=is_pooled, is_compared=is_compared) for group in assessment.groups]
    show_table(out, (Field(assessment.by.value, folds=not is_pooled), *shares, *estimates), rows)
    if any(group.compared for group in assessment.groups):
        out.print(COMPARED)
    if assessment.more_groups:
        out.print(f"and {assessment.more_groups} more with {assessment.more_verdicts} verdicts; --most 0 shows all")
    if assessment.by == Grouping.COHORT and {group.name for group in assessment.groups} == {NO_VALUE}:
        out.print(f"{NO_VALUE}: no judged task has a value in that field of its data")
    for group in assessment.groups:
        for advice in group.advice:
            out.print(f"{group.name}: {advice}")
        if doubles := group.doubles:
            right = f"the shown label was right for {doubles.shown_right}, theirs for {doubles.own_right}"
            out.print(f"{group.name}: {doubles.held_back} boxes held back beside a surer box on their object: {right}")


def _group_row(group: RatesGroup, *, is_pooled: bool, is_compared: bool) -> tuple[str, ...]:
    shares = (share_text(*share) for share in group.rates.shares().values())
    more = [estimate_text(group.pooled, "tasks")] if is_pooled else []
    more += compared_cells(group.compared) if is_compared else ()
    return (group.name, *shares, estimate_text(group.audited, "audited tasks"), *more)


def show_seconds(out: Console, versions: Mapping[str, Mapping[str, Seconds]]) -> None:
    """Print the annotators' seconds by version, with and without shown boxes."""
    fields = (
        Field("version"),
        Field("condition"),
        Field("tasks", is_number=True),
        Field("seconds a task", is_number=True),
        Field("seconds an object", rank=1, is_number=True),
        Field("left out", rank=2, folds=True),
    )
    rows = [
        (name, kind, str(seconds.tasks), _spread(seconds.a_task), _spread(seconds.an_object), _left_out(seconds))
        for name, parts in versions.items()
        for kind, seconds in parts.items()
        if seconds.tasks or seconds.cut or seconds.unknown
    ]
    show_table(out, fields, rows)
    out.print("median, and the quartiles in brackets; tasks open for more than half an hour are left out")


def show_costs(out: Console, versions: Mapping[str, VersionCosts]) -> None:
    """Print the seconds that boxes cost by version and verdict, and the minutes that suggestions saved."""
    fields = (Field("version"), *(Field(f"seconds: {work.value}", rank=1, is_number=True) for work in WorkKind))
    rows = [(name, *(_cost(costs.seconds.get(work)) for work in WorkKind)) for name, costs in versions.items()]
    if any(costs.seconds for costs in versions.values()):
        show_table(out, fields, rows)
        out.print("of an image, and of a box by its verdict, in the typical review, with the 95% interval")
    for name, costs in versions.items():
        out.print(f"{name}: {costs.describe_saved()}")


def show_alerts(out: Console, alerts: Sequence[Alert]) -> None:
    """Print one line per alert, newest first."""
    for alert in alerts:
        out.print(str(alert))
    if not alerts:
        out.print("no alert yet")


def rates_json(assessment: Assessment) -> dict[str, object]:
    """Return the output of `loop rates --json`."""
    groups = {group.name: _group_json(group) for group in assessment.groups}
    return {
        "by": assessment.by.value,
        "groups": groups,
        "more": {"groups": assessment.more_groups, "verdicts": assessment.more_verdicts},
    }


def seconds_json(parts: Mapping[str, Seconds]) -> dict[str, object]:
    """Return the seconds of one group as plain JSON."""
    return {name.replace(" ", "_"): asdict(seconds) for name, seconds in parts.items()}


def _group_json(group: RatesGroup) -> dict[str, object]:
    return {
        **plain_json(group.rates),
        "advice": group.advice,
        "missed_all_tasks": estimate_json(group.audited),
        "missed_pooled": estimate_json(group.pooled),
        "seconds": None if group.seconds is None else seconds_json(group.seconds),
        "doubles": None if group.doubles is None else asdict(group.doubles),
        "compared": None if group.compared is None else compared_json(group.compared),
    }


def _spread(spread: Spread | None) -> str:
    return "" if spread is None else f"{spread.median:.1f} ({spread.low:.1f} to {spread.high:.1f})"


def _cost(cost: Cost | None) -> str:
    return "too few" if cost is None else f"{cost.value:.1f} ({cost.interval.low:.1f} to {cost.interval.high:.1f})"


def _left_out(seconds: Seconds) -> str:
    left = {"open too long": seconds.cut, "time unknown": seconds.unknown}
    return ", ".join(f"{count} {why}" for why, count in left.items() if count)
