"""Commands on the versions of a project's detector."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from loop import report_folder, screen
from loop import retrain as retraining
from loop.bootstrap import build
from loop.commands.options import AsJson, ProjectId, VersionName, Why, out
from loop.compare import compare
from loop.report import as_json as as_plain
from loop.report_html import page

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
def promote_model(
    name: VersionName,
    project: ProjectId,
    why: Annotated[str | None, typer.Option("--why", help="Kept with the move.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Also what the gate did not pass; needs --why.")] = False,
) -> None:
    """Let a version serve; one that the gate did not pass and that never served needs --force and --why."""
    version = retraining.promote_by_hand(build(migrate=True), project, name, why, is_forced=force)
    out.print(f"{version.name} serves project {project}")


@app.command("compare")
def compare_models(
    first: Annotated[str, typer.Argument(help="The version to compare with.")],
    second: Annotated[str, typer.Argument(help="The version compared.")],
    project: ProjectId,
    snapshot: Annotated[str | None, typer.Option("--snapshot", help="Its hash or the start of it.")] = None,
    as_json: AsJson = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write the whole report to this file.")] = None,
) -> None:
    """Measure two versions on the held-out split of a snapshot, the newest by default; promote nothing."""
    report = compare(build(migrate=True), project, first, second, snapshot)
    if html:
        report_folder.write(html.absolute(), page(report))
    if as_json:
        typer.echo(json.dumps(as_plain(report), indent=2))
    else:
        screen.show_comparison(out, report)


@app.command("report")
def show_report(name: VersionName, project: ProjectId, as_json: AsJson = False) -> None:
    """Say where the gate's report of a version is, or print it as JSON."""
    parts = build(migrate=True)
    html, plain = parts.reports.find(project, parts.registry.get(project, name).name)
    typer.echo(plain.read_text() if as_json else str(html))


@app.command("rollback")
def roll_back_model(project: ProjectId, why: Why = "by hand") -> None:
    """Let the version serve that served before."""
    version = retraining.roll_back(build(migrate=True), project, why)
    out.print(f"{version.name} serves project {project} again")
