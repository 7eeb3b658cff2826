"""Commands on what reviewers decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from loop import convert, region_json, screen, shadow
from loop.bootstrap import build
from loop.commands.options import AsJson, ProjectId, out
from loop.rates import By, group

app = typer.Typer()


@app.command()
def verdicts(export: Annotated[Path, typer.Argument(help="Label Studio's JSON export, with predictions.")]) -> None:
    """Print a verdict a line for a Label Studio export."""
    for judged in convert.to_verdicts(export):
        for one in judged.verdicts:
            line = {
                "task": judged.task_id,
                "version": judged.version,
                "decision": one.decision.value,
                "predicted": region_json.write(one.predicted) if one.predicted else None,
                "reviewed": region_json.write(one.reviewed) if one.reviewed else None,
            }
            typer.echo(json.dumps(line))


@app.command()
def rates(
    project: ProjectId,
    by: Annotated[By, typer.Option("--by", help="What to group by.")] = By.VERSION,
    is_shadow: Annotated[
        bool, typer.Option("--shadow", help="A shadow beside what served, on the same tasks.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how often each verdict was given, with 95% intervals, and what that calls for."""
    parts = build(migrate=True)
    groups = shadow.compared(parts, project) if is_shadow else group(parts.reviews.judged(project), by)
    if as_json:
        typer.echo(json.dumps({name: screen.rates_json(found) for name, found in groups.items()}, indent=2))
    else:
        screen.show_rates(out, groups, by)
