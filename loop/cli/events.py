"""Commands on events that are set aside, and on the deliveries of notices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from loop.cli.answers.command import Done, Secret, done
from loop.cli.grid import Field, show_table
from loop.cli.options import Most, OneProject, ProjectId, open_rooms, out, print_text
from loop.notices import Delivery, DeliveryState
from loop.reviews.event_store import SetAsideEvent
from loop.secrecy import redact
from loop.storage.storable import LARGEST_ID

app = typer.Typer()
EventRecord = Annotated[dict[str, Any], "`id`, `project`, `action`, `received_at`, `error`, and the `payload`."]
DeliveryRecord = Annotated[
    dict[str, Any],
    "`id` of the notice, `kind`, `project`, `created_at`, `receiver`, `state`, `attempts`, `due_at`, `delivered_at`, "
    "`status`, `error`.",
]
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
    most: Most = 50,
) -> list[EventRecord] | None:
    """List the events that are set aside, newest first."""
    if context.invoked_subcommand:
        return None
    events = open_rooms().reviews.events.find_set_aside(project, most=most)
    if events:
        show_table(out, FIELDS, [_as_row(event) for event in events])
        out.print("next: loop events retry --project ID works on them again")
        out.print("next: loop events dismiss --project ID leaves them")
    else:
        out.print("no event is set aside")
    return [_as_json(event) for event in events]


@events_group.command("retry")
def retry_events(project: ProjectId, ids: Ids = None) -> Done:
    """Process events that are set aside again, for example after an upgrade or a repair."""
    from loop.installation.watching import events

    line = events.retry_events(open_rooms().installation, project, ids or ())
    return done(line, project=project)


@events_group.command("dismiss")
def dismiss_events(project: ProjectId, ids: Ids = None) -> Done:
    """
    Dismiss events that are set aside.

    They stay in the log, and no check reports them any more.
    """
    from loop.installation.watching import events

    line = events.dismiss_events(open_rooms().installation, project, ids or ())
    then = f"loop sync --project {project} records reviews that they reported, if they can be read"
    return done(line, then=then, project=project)


def _as_row(record: SetAsideEvent) -> tuple[str, ...]:
    event = record.event
    return str(event.id), str(event.project_id), event.action, f"{event.received_at:%Y-%m-%d %H:%M:%S}", record.error


def _as_json(record: SetAsideEvent) -> dict[str, Any]:
    return {
        "id": record.event.id,
        "project": record.event.project_id,
        "action": record.event.action,
        "received_at": record.event.received_at.isoformat(),
        "error": record.error,
        "payload": record.event.payload,
    }


deliveries_group = typer.Typer(help="Notices to the receivers in LOOP_NOTIFY_URLS.")
app.add_typer(deliveries_group, name="deliveries")


@deliveries_group.callback(invoke_without_command=True)
def list_deliveries(
    context: typer.Context,
    failed: Annotated[bool, typer.Option("--failed", help="Only deliveries whose last attempt failed.")] = False,
    most: Most = 50,
) -> list[DeliveryRecord] | None:
    """List deliveries, newest first."""
    if context.invoked_subcommand:
        return None
    deliveries = open_rooms().outbox.last(is_failed=failed, most=most)
    if deliveries:
        _show_deliveries(deliveries)
    else:
        out.print("no deliveries; LOOP_NOTIFY_URLS names the receivers")
    if any(delivery.error for delivery in deliveries):
        out.print("next: loop deliveries retry NOTICE sends one again")
    return [_delivery_json(delivery) for delivery in deliveries]


@deliveries_group.command("retry")
def retry_deliveries(notice: Annotated[str, typer.Argument(help="The id of a notice.")]) -> Done:
    """
    Send a notice again to every receiver that did not get it.

    Attempts are counted from zero.
    """
    from loop.installation.watching import events

    line = events.retry_delivery(open_rooms().installation, notice)
    return done(line, then="`loop deliveries --failed` shows those that fail again", notice=notice)


@deliveries_group.command("secret")
def show_secret() -> Secret:
    """Print the key that signs notices, as receivers give it to a verifier of Standard Webhooks."""
    from loop.settings import Settings
    from loop.wiring import build

    settings = Settings.read()
    key = build(settings, migrate=not settings.notify_secret).sender.key()  # a secret of its own needs no records
    print_text(key)
    return Secret(key)


def _show_deliveries(deliveries: Sequence[Delivery]) -> None:
    """Print one row per delivery."""
    fields = (
        Field("notice"),
        Field("kind", rank=1),
        Field("project", rank=4, is_number=True),
        Field("receiver", folds=True),
        Field("attempts", rank=5, is_number=True),
        Field("state"),
        Field("error", rank=3, folds=True),
    )
    show_table(out, fields, [_delivery_row(delivery) for delivery in deliveries])


def _delivery_row(delivery: Delivery) -> tuple[str, ...]:
    notice, state = delivery.notice, delivery.state.value
    if delivery.state == DeliveryState.WAITING and delivery.due_at:
        state = f"due {delivery.due_at:%m-%d %H:%M} UTC"
    counts = (delivery.url, str(delivery.attempts), state, delivery.error or "")
    return (notice.id, notice.kind, str(notice.project_id), *counts)


def _delivery_json(delivery: Delivery) -> dict[str, Any]:
    """Return a delivery as plain JSON."""
    return {
        "id": delivery.notice.id,
        "kind": delivery.notice.kind,
        "project": delivery.notice.project_id,
        "created_at": delivery.notice.created_at.isoformat(),
        "receiver": redact(delivery.url),
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "due_at": delivery.due_at.isoformat() if delivery.due_at else None,
        "delivered_at": delivery.delivered_at.isoformat() if delivery.delivered_at else None,
        "status": delivery.status,
        "error": delivery.error,
    }
