"""Commands on verdicts and their rates."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from loop.cli import rates_screen
from loop.cli.options import AsJson, ProjectId, out
from loop.datasets import convert
from loop.datasets.convert import TaskVerdicts
from loop.errors import PayloadError
from loop.label_studio.exports import FULL
from loop.rates.assess import RatesRequest, assess, measure_seconds_by_version
from loop.rates.compare_shadow import compare_shadows
from loop.rates.rates import Grouping
from loop.regions import write_region
from loop.reviews.verdict_query import Stream, VerdictFilter
from loop.reviews.verdicts import Decision, Verdict
from loop.rooms import Rooms
from loop.storage.storable import LARGEST_ID
from loop.storage.text_file import naming, read_text
from loop.validation import read
from loop.wiring import build

app = typer.Typer()


@app.command()
def verdicts(  # noqa: PLR0913, PLR0917 (each is an option)
    export: Annotated[Path | None, typer.Argument(help="Label Studio's JSON export, with predictions.")] = None,
    project: Annotated[
        int | None,
        typer.Option("--project", min=1, max=LARGEST_ID, help="Label Studio's project id, instead of an export."),
    ] = None,
    version: Annotated[str | None, typer.Option(help="The version that was judged.")] = None,
    decision: Annotated[Decision | None, typer.Option(help="The decision of the reviewer.")] = None,
    label: Annotated[str | None, typer.Option(help="The predicted label; the drawn label of a missed object.")] = None,
    stream: Annotated[Stream | None, typer.Option(help="The stream that the task was served in.")] = None,
    annotator: Annotated[int | None, typer.Option(min=1, max=LARGEST_ID, help="Label Studio's user id.")] = None,
    actor: Annotated[str | None, typer.Option(help="The actor of a review in bulk.")] = None,
    task: Annotated[int | None, typer.Option(min=1, max=LARGEST_ID, help="Label Studio's task id.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Reviewed at this time or later; UTC.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Reviewed before this time; UTC.")] = None,
    is_shadow: Annotated[bool, typer.Option("--shadow", help="Only verdicts on a shadow.")] = False,
    label_config: Annotated[
        Path | None,
        typer.Option("--label-config", help="A file with the label config of the project; with an export only."),
    ] = None,
) -> None:
    """
    Print one verdict per line, as JSON: of an export, or of a project with provenance.

    An export needs no server. Label Studio's own JSON export names
    predictions by their ids alone; use the answer of its API to
    /api/tasks/?project=ID&fields=all&page_size=-1 instead. Tasks that are
    left out are named on stderr.
    """
    if (export is None) == (project is None):
        raise PayloadError("verdicts", "either an export or --project", str(export or "neither"))
    if export:
        with naming(label_config):
            _print_of_export(export, read_text(label_config, "a label config in XML") if label_config else None)
        return
    _print_of_project(
        project=project,
        version=version,
        decision=decision,
        label=label,
        stream=stream,
        annotator=annotator,
        actor=actor,
        task=task,
        since=since,
        until=until,
        is_shadow=is_shadow,
    )


def _print_of_project(**wanted: object) -> None:
    """Print the verdicts that match a VerdictFilter of these fields. Raises PayloadError."""
    query = read(VerdictFilter, wanted)
    rooms = build(migrate=True)
    rooms.studio.projects.get(query.project)
    count = 0
    for count, record in enumerate(rooms.reviews.verdicts.all(query), start=1):  # noqa: B007 (the number of verdicts)
        typer.echo(record.model_dump_json())
    if not count:
        typer.echo("no verdict matches; `loop rates` counts all verdicts", err=True)


def _print_of_export(export: Path, label_config: str | None) -> None:
    """Print the verdicts on an export. Tasks that are left out and the counts go to stderr."""
    judged = left_out = 0
    for task in convert.to_verdicts(export, label_config):
        judged, left_out = judged + (not task.left_out), left_out + bool(task.left_out)
        if task.left_out:
            typer.echo(f"task {task.task_id} is left out: {task.left_out}", err=True)
        for verdict in task.verdicts:
            typer.echo(json.dumps(_verdict_json(task, verdict)))
    if not judged:
        raise PayloadError(str(export), FULL, convert.explain_nothing(export))
    typer.echo(f"{judged} tasks judged, {left_out} left out", err=True)


def _verdict_json(task: TaskVerdicts, verdict: Verdict) -> dict[str, Any]:
    return {
        "task": task.task_id,
        "version": task.version,
        "decision": verdict.decision.value,
        "predicted": write_region(verdict.predicted) if verdict.predicted else None,
        "reviewed": write_region(verdict.reviewed) if verdict.reviewed else None,
    }


@app.command()
def rates(  # noqa: PLR0913, PLR0917 (each is an option)
    project: ProjectId,
    by: Annotated[
        Grouping | None, typer.Option("--by", help="Group by; default: version, or cohort with --field.")
    ] = None,
    field: Annotated[str, typer.Option("--field", help="Task data field whose values are the cohorts.")] = "",
    since: Annotated[
        datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="Reviews from this day on; UTC.")
    ] = None,
    most: Annotated[
        int, typer.Option("--most", min=0, max=LARGEST_ID, help="Largest number of groups, largest first; 0: all.")
    ] = 20,
    show_seconds: Annotated[
        bool, typer.Option("--seconds", help="Show annotators' seconds by version instead.")
    ] = False,
    show_alerts: Annotated[bool, typer.Option("--alerts", help="Show past alerts instead.")] = False,
    is_shadow: Annotated[
        bool, typer.Option("--shadow", help="Compare a shadow with the version that served, on the same tasks.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the rate of each verdict with its 95% interval, and advice."""
    rooms = build(migrate=True)
    start = since.replace(tzinfo=UTC) if since else None
    if show_alerts:
        _alerts(rooms, project, as_json=as_json)
    elif show_seconds:
        _seconds(rooms, project, start, as_json=as_json)
    elif is_shadow:
        _shadow(rooms, project, as_json=as_json)
    else:
        by = by or (Grouping.COHORT if field else Grouping.VERSION)
        assessment = assess(rooms.rates, project, RatesRequest(by, field, start, most))
        if as_json:
            typer.echo(json.dumps(rates_screen.rates_json(assessment), indent=2))
        else:
            rates_screen.show_rates(out, assessment)


def _alerts(rooms: Rooms, project: int, *, as_json: bool) -> None:
    rooms.studio.projects.get(project)
    alerts = rooms.rates.store.read_alerts(project)
    if as_json:
        typer.echo(json.dumps([alert.body() for alert in alerts], indent=2))
    else:
        rates_screen.show_alerts(out, alerts)


def _shadow(rooms: Rooms, project: int, *, as_json: bool) -> None:
    rates_by_version = compare_shadows(rooms.rates, project)
    if as_json:
        typer.echo(
            json.dumps(
                {name: rates_screen.plain_json(version_rates) for name, version_rates in rates_by_version.items()},
                indent=2,
            )
        )
    else:
        rates_screen.show_plain(out, rates_by_version)


def _seconds(rooms: Rooms, project: int, since: datetime | None, *, as_json: bool) -> None:
    seconds = measure_seconds_by_version(rooms.rates, project, since)
    if as_json:
        typer.echo(
            json.dumps(
                {name: rates_screen.seconds_json(by_condition) for name, by_condition in seconds.items()}, indent=2
            )
        )
    else:
        rates_screen.show_seconds(out, seconds)
