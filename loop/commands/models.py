"""Commands on the versions of a project's detector."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer
from rich.table import Table

from loop import retrain as retraining
from loop.bootstrap import build
from loop.commands.options import ProjectId, VersionName, Why, out

app = typer.Typer(no_args_is_help=True, help="Versions of a project's detector.")


@app.command("list")
def list_models(project: ProjectId) -> None:
    """List the versions of a project, oldest first."""
    registry = build(migrate=True).registry
    aliases = {alias: registry.at(project, alias) for alias in ("champion", "previous", "candidate")}
    table = Table("version", "aliases", "snapshot", "parent", "created", box=None)
    for version in registry.list(project):
        names = ", ".join(alias for alias, at in aliases.items() if at and at.name == version.name)
        created = f"{version.created_at:%Y-%m-%d %H:%M}"
        table.add_row(version.name, names, (version.facts.snapshot or "")[:16], version.facts.parent or "", created)
    out.print(table)


@app.command("show")
def show_model(name: VersionName, project: ProjectId) -> None:
    """Show all that is kept about a version."""
    version = build(migrate=True).registry.get(project, name)
    typer.echo(json.dumps(asdict(version), indent=2, default=str))


@app.command("promote")
def promote_model(name: VersionName, project: ProjectId, why: Why = "by hand") -> None:
    """Let a version serve."""
    version = retraining.promote(build(migrate=True), project, name, why)
    out.print(f"{version.name} serves project {project}")


@app.command("rollback")
def roll_back_model(project: ProjectId, why: Why = "by hand") -> None:
    """Let the version serve that served before."""
    version = retraining.roll_back(build(migrate=True), project, why)
    out.print(f"{version.name} serves project {project} again")
