"""Commands on the deliveries of notices."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from loop.cli import screen
from loop.cli.options import AsJson, out
from loop.errors import PayloadError
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
        typer.echo(json.dumps([screen.delivery_json(delivery) for delivery in deliveries], indent=2))
    else:
        screen.show_deliveries(out, deliveries)


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
