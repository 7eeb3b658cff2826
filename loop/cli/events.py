"""Commands on events that are set aside."""

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

app = typer.Typer()
events_group = typer.Typer(help="Events of Label Studio that could not be processed, with the reasons.")
app.add_typer(events_group, name="events")
FIELDS = (
    Field("id", is_number=True),
    Field("project", rank=3, is_number=True),
    Field("action", rank=1),
    Field("received at", rank=2),
    Field("error", rank=0, folds=True),
)
Ids = Annotated[
    list[int] | None,
    typer.Argument(
        metavar="[ID]...", min=1, max=LARGEST_ID, help="The ids of events; without ids: all events of the project."
    ),
]


@events_group.callback(invoke_without_command=True)
def list_events(
    context: typer.Context,
    project: OneProject = None,
    most: Annotated[
        int, typer.Option("--most", min=1, max=LARGEST_ID, help="Largest number of rows, newest first.")
    ] = 50,
    as_json: AsJson = False,
) -> None:
    """List the events that are set aside, newest first."""
    if context.invoked_subcommand:
        return
    events = build(migrate=True).reviews.events.find_set_aside(project, most=most)
    if as_json:
        typer.echo(json.dumps([_as_json(event) for event in events], indent=2))
    elif events:
        show_table(out, FIELDS, [_as_row(event) for event in events])
    else:
        out.print("no event is set aside")


@events_group.command("retry")
def retry_events(project: ProjectId, ids: Ids = None) -> None:
    """Process events that are set aside again, for example after an upgrade or a repair."""
    rooms = build(migrate=True)
    count = _require_any(rooms.reviews.events.retry(project, ids or ()), ids)
    try:
        rooms.queue.ask_review(project)
    except UpstreamError as error:
        out.print(f"{count} events wait for the sweep: {error}")
    else:
        out.print(f"{count} events are worked on again; `loop events` shows which of them fail")


@events_group.command("dismiss")
def dismiss_events(project: ProjectId, ids: Ids = None) -> None:
    """Dismiss events that are set aside. They stay in the log, and no check reports them any more."""
    count = _require_any(build(migrate=True).reviews.events.dismiss(project, ids or ()), ids)
    out.print(f"{count} events are dismissed")


def _require_any(count: int, ids: list[int] | None) -> int:
    if not count:
        expected = "events of the project that are set aside; see `loop events`"
        raise PayloadError("ID", expected, ", ".join(map(str, ids or [])) or "none")
    return count


def _as_row(record: SetAsideEvent) -> tuple[str, ...]:
    event = record.event
    return str(event.id), str(event.project_id), event.action, f"{event.received_at:%Y-%m-%d %H:%M:%S}", record.error


def _as_json(record: SetAsideEvent) -> dict[str, object]:
    return {
        "id": record.event.id,
        "project": record.event.project_id,
        "action": record.event.action,
        "received_at": record.event.received_at.isoformat(),
        "error": record.error,
        "payload": record.event.payload,
    }
