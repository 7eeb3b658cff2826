"""Commands on reviews in bulk."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from loop.cli.options import ProjectId, out
from loop.cli.progress import counted
from loop.reviews.bulk.file import look_through
from loop.reviews.bulk.operations import digest
from loop.reviews.bulk.run import annotate
from loop.wiring import build

MOST_NAMED = 20  # failures named
app = typer.Typer(no_args_is_help=True, help="Reviews in bulk.")


@app.callback()
def _group() -> None:
    """Reviews in bulk."""


@app.command("import")
def import_annotations(
    file: Annotated[Path, typer.Argument(help="JSON, or a JSON object a line: operations as the HTTP API takes them.")],
    project: ProjectId,
    as_json: Annotated[bool, typer.Option("--json", help="Print a result a line, as JSON.")] = False,
) -> None:
    """Create, update and delete reviews; run again, it goes on with what failed."""
    operations = look_through(file)
    outcomes = annotate(build(migrate=True), project, operations.operations(), lambda _, one: f"file-{digest(one)}")
    done = repeated = failed = 0
    for number, one in enumerate(counted(outcomes, "operations", operations.total), start=1):
        done, repeated, failed = done + (not one.error), repeated + one.is_repeated, failed + bool(one.error)
        if as_json:
            typer.echo(json.dumps({**asdict(one), "success": one.error is None}))
        elif one.error and failed <= MOST_NAMED:
            out.print(f"operation {number}: {one.error}")
    if not as_json:
        unnamed = f" ({failed - MOST_NAMED} not named)" if failed > MOST_NAMED else ""
        out.print(f"{done} done, {repeated} of them before; {failed} failed{unnamed}")
    if failed:
        raise typer.Exit(1)
