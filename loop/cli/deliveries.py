"""Commands on what others are told."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from loop.cli import screen
from loop.cli.options import AsJson, out
from loop.errors import PayloadError
from loop.settings import Settings
from loop.storage.storable import LARGEST_ID
from loop.wiring import build

app = typer.Typer(help="Notices to the receivers in LOOP_NOTIFY_URLS.")


@app.callback(invoke_without_command=True)
def list_deliveries(
    context: typer.Context,
    failed: Annotated[bool, typer.Option("--failed", help="Those alone that failed the last time.")] = False,
    most: Annotated[int, typer.Option("--most", min=1, max=LARGEST_ID, help="How many, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List deliveries, newest first."""
    if context.invoked_subcommand:
        return
    found = build(migrate=True).outbox.last(is_failed=failed, most=most)
    if as_json:
        typer.echo(json.dumps([screen.delivery_json(one) for one in found], indent=2))
    else:
        screen.show_deliveries(out, found)


@app.command("retry")
def retry_deliveries(notice: Annotated[str, typer.Argument(help="A notice's id.")]) -> None:
    """Send a notice again to every receiver that did not get it, from the first attempt on."""
    count = build(migrate=True).outbox.retry(notice)
    if not count:
        raise PayloadError("ID", "a notice that a receiver did not get; see `loop deliveries --failed`", notice)
    out.print(f"{count} deliveries are due; the schedule sends them within ten seconds")


@app.command("secret")
def show_secret() -> None:
    """Print the key that notices are signed with, for their receivers."""
    typer.echo(Settings.read().notify_key)
