"""The rates of verdicts over time, by week and group, with the advised actions, the alerts and disagreements."""

from __future__ import annotations

from collections.abc import Sequence

from flask import request

from backend.dashboard import query
from backend.dashboard.blueprint import Answer, go_back, in_turn, project_page, rooms, show
from backend.dashboard.charts import Chart, Series
from loop.errors import PayloadError
from loop.label_studio.projects import Project
from loop.label_studio.views import put_tasks
from loop.rates.annotators.compare import TITLE, compare_by_annotator, list_agreements, list_disagreements
from loop.rates.assess import RatesRequest, follow_rates
from loop.rates.intervals import Interval, wilson
from loop.rates.over_time import RateLine, RatesOverTime
from loop.rates.rates import Grouping, Rates
from loop.storage.storable import is_text

MOST = 8  # groups, as many as a chart has colours for
WITH_INTERVALS = 2  # lines of a chart; more bands would hide each other
ALERTS = 20
GROUPINGS = {
    Grouping.WEEK: "nothing: the whole project",
    Grouping.LABEL: "class",
    Grouping.COHORT: "cohort",
    Grouping.ANNOTATOR: "annotator",
    Grouping.STREAM: "stream: queue or audit",
    Grouping.VERSION: "version",
    Grouping.SOURCE: "source of the label",
}
RATES = tuple(Rates().shares())


@project_page("rates/", entry="Rates")
def rates(project: Project) -> Answer:
    """Show the rates by week."""
    by, rate = _choose("by", tuple(Grouping), Grouping.WEEK), _choose("rate", RATES, RATES[0])
    field, own = request.args.get("field", "").strip(), rooms().rates.cohort_field
    if not is_text(field):
        raise PayloadError("field", "the name of a field of the task data", field)
    lacks_field = by == Grouping.COHORT and not (field or own)
    grouping = Grouping.WEEK if lacks_field else Grouping(by)
    since = query.day("since")
    history = follow_rates(rooms().rates, project.id, RatesRequest(grouping, field, since, MOST))
    is_compared = by == Grouping.ANNOTATOR
    return show(
        "rates.html",
        project=project,
        history=history,
        chart=_draw(history, rate),
        lines=history.lines or (history.whole,),
        by=by,
        rate=rate,
        rates=RATES,
        groupings=GROUPINGS,
        field=field,
        own_field=own,
        lacks_field=lacks_field,
        since=request.args.get("since", ""),
        share=share_with_interval,
        is_compared=is_compared,
        compared=compare_by_annotator(rooms().rates, project.id, since) if is_compared else {},
        disagreements=list_disagreements(list_agreements(rooms().rates, project.id)) if is_compared else [],
        tasks_url=f"{rooms().studio.client.url}/projects/{project.id}/data?task=",
        alerts=rooms().rates.store.read_alerts(project.id, ALERTS),
    )


@project_page("rates/disagreements", methods=["POST"])
def show_disagreements(project: Project) -> Answer:
    """Make a view of the tasks on which annotators disagree."""
    listed = list_disagreements(list_agreements(rooms().rates, project.id))
    with in_turn():
        line = put_tasks(rooms().studio.client, project.id, TITLE, [task.task_id for task in listed]).line
    return go_back("rates", f"Label Studio, {line}", project_id=project.id, by=Grouping.ANNOTATOR.value)


def share_with_interval(line: Rates, rate: str) -> tuple[float, Interval] | None:
    """Return a rate with its interval; None where it has no box."""
    part, whole = line.shares()[rate]
    interval = wilson(part, whole)
    return (part / whole, interval) if interval else None


def _choose(name: str, values: Sequence[str], default: str) -> str:
    """Return an argument of the address. Raises PayloadError for another value."""
    value = request.args.get(name) or default
    if value not in values:
        raise PayloadError(name, " or ".join(values), value)
    return value


def _draw(history: RatesOverTime, rate: str) -> Chart:
    lines = history.lines or (history.whole,)
    has_intervals = len(lines) <= WITH_INTERVALS
    return Chart(
        id="rates",
        title=f"{rate.replace('_', ' ').capitalize()} by week",
        x="week",
        y=rate.replace("_", " "),
        places=history.weeks,
        series=[_make_series(line, history.weeks, rate, has_intervals=has_intervals) for line in lines],
        is_share=True,
    )


def _make_series(line: RateLine, weeks: Sequence[str], rate: str, *, has_intervals: bool) -> Series:
    shares = [share_with_interval(line.weeks.get(week, Rates()), rate) for week in weeks]
    ends = [[getattr(each[1], end) if each else None for each in shares] for end in ("low", "high")]
    return Series(line.name, [each[0] if each else None for each in shares], *(ends if has_intervals else ()))
