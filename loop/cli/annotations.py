"""Commands that write reviews in bulk."""

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

MOST_NAMED = 20  # failures printed
app = typer.Typer()
annotations_group = typer.Typer(no_args_is_help=True, help="Reviews in bulk.")
app.add_typer(annotations_group, name="annotations")


@annotations_group.command("import")
def import_annotations(
    file: Annotated[
        Path, typer.Argument(help="Operations of the HTTP API: a JSON array, or one JSON object per line.")
    ],
    project: ProjectId,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON result per line.")] = False,
) -> None:
    """Create, update and delete reviews. A second run repeats only the operations that failed."""
    operations = look_through(file)
    outcomes = annotate(
        build(migrate=True).reviews, project, operations.operations(), lambda _, operation: f"file-{digest(operation)}"
    )
    done = repeated = failed = 0
    for number, outcome in enumerate(counted(outcomes, "operations", operations.total), start=1):
        done += not outcome.error
        repeated += outcome.is_repeated
        failed += bool(outcome.error)
        if as_json:
            typer.echo(json.dumps({**asdict(outcome), "success": outcome.error is None}))
        elif outcome.error and failed <= MOST_NAMED:
            out.print(f"operation {number}: {outcome.error}")
    if not as_json:
        unnamed = f" ({failed - MOST_NAMED} not named)" if failed > MOST_NAMED else ""
        out.print(f"{done} done, {repeated} of them before; {failed} failed{unnamed}")
    if failed:
        raise typer.Exit(1)
