"""Commands on the deliveries of notices."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

import typer

from loop.cli.grid import Field, show_table
from loop.cli.options import AsJson, out
from loop.errors import PayloadError
from loop.notices import Delivery, DeliveryState
from loop.secrecy import redact
from loop.storage.storable import LARGEST_ID
from loop.wiring import build

app = typer.Typer()
deliveries_group = typer.Typer(help="Notices to the receivers in LOOP_NOTIFY_URLS.")
app.add_typer(deliveries_group, name="deliveries")


@deliveries_group.callback(invoke_without_command=True)
def list_deliveries(
    context: typer.Context,
    failed: Annotated[bool, typer.Option("--failed", help="Only deliveries whose last attempt failed.")] = False,
    most: Annotated[
        int, typer.Option("--most", min=1, max=LARGEST_ID, help="Largest number of rows, newest first.")
    ] = 50,
    as_json: AsJson = False,
) -> None:
    """List deliveries, newest first."""
    if context.invoked_subcommand:
        return
    deliveries = build(migrate=True).outbox.last(is_failed=failed, most=most)
    if as_json:
        typer.echo(json.dumps([_delivery_json(delivery) for delivery in deliveries], indent=2))
    else:
        _show_deliveries(deliveries)


@deliveries_group.command("retry")
def retry_deliveries(notice: Annotated[str, typer.Argument(help="The id of a notice.")]) -> None:
    """Send a notice again to every receiver that did not get it. Attempts are counted from zero."""
    count = build(migrate=True).outbox.retry(notice)
    if not count:
        raise PayloadError("ID", "a notice that a receiver did not get; see `loop deliveries --failed`", notice)
    out.print(f"{count} deliveries are due; the schedule sends them within ten seconds")


@deliveries_group.command("secret")
def show_secret() -> None:
    """Print the key that signs notices, as receivers give it to a verifier of Standard Webhooks."""
    typer.echo(build(migrate=True).sender.key())


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


def _delivery_json(delivery: Delivery) -> dict[str, object]:
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
