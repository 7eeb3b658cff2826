"""Commands on the events that were set aside."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from loop.cli.grid import Field, show_table
from loop.cli.options import AsJson, OneProject, ProjectId, out
from loop.errors import PayloadError, UpstreamError
from loop.reviews.event_store import SetAsideEvent
from loop.storage.storable import LARGEST_ID
from loop.wiring import build

app = typer.Typer(help="Events of Label Studio that could not be worked on, each with the reason.")
FIELDS = (
    Field("id", is_number=True),
    Field("project", rank=3, is_number=True),
    Field("action", rank=1),
    Field("received at", rank=2),
    Field("error", rank=0, folds=True),
)
Ids = Annotated[
    list[int] | None,
    typer.Argument(metavar="[ID]...", min=1, max=LARGEST_ID, help="Of events; none: all of the project."),
]


@app.callback(invoke_without_command=True)
def list_events(
    context: typer.Context,
    project: OneProject = None,
    most: Annotated[int, typer.Option("--most", min=1, max=LARGEST_ID, help="How many, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List the events that are set aside, newest first."""
    if context.invoked_subcommand:
        return
    found = build(migrate=True).events.set_aside(project, most=most)
    if as_json:
        typer.echo(json.dumps([_as_json(one) for one in found], indent=2))
    elif found:
        show_table(out, FIELDS, [_as_row(one) for one in found])
    else:
        out.print("no event is set aside")


@app.command("retry")
def retry_events(project: ProjectId, ids: Ids = None) -> None:
    """Work on events that were set aside again, after an upgrade or a repair."""
    parts = build(migrate=True)
    count = _checked(parts.events.retry(project, ids or ()), ids)
    try:
        parts.queue.ask_review(project)
    except UpstreamError as error:
        out.print(f"{count} events wait for the sweep: {error}")
    else:
        out.print(f"{count} events are worked on again; `loop events` shows which of them fail")


@app.command("dismiss")
def dismiss_events(project: ProjectId, ids: Ids = None) -> None:
    """Let events that were set aside lie: they stay in the log, and nobody is told of them any more."""
    count = _checked(build(migrate=True).events.dismiss(project, ids or ()), ids)
    out.print(f"{count} events are dismissed")


def _checked(count: int, ids: list[int] | None) -> int:
    if not count:
        expected = "events of the project that are set aside; see `loop events`"
        raise PayloadError("ID", expected, ", ".join(map(str, ids or [])) or "none")
    return count


def _as_row(one: SetAsideEvent) -> tuple[str, ...]:
    event = one.event
    return str(event.id), str(event.project_id), event.action, f"{event.received_at:%Y-%m-%d %H:%M:%S}", one.error


def _as_json(one: SetAsideEvent) -> dict[str, object]:
    return {
        "id": one.event.id,
        "project": one.event.project_id,
        "action": one.event.action,
        "received_at": one.event.received_at.isoformat(),
        "error": one.error,
        "payload": one.event.payload,
    }
