"""Commands on the taxonomy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from loop import jobs
from loop.cli.grid import Field, printable, show_table
from loop.cli.options import ProjectId, Why, out
from loop.cli.progress import narrate
from loop.errors import PayloadError
from loop.storage.storable import LARGEST_ID
from loop.storage.text_file import naming, read_text
from loop.taxonomy import manage as categorise
from loop.taxonomy import reapply
from loop.taxonomy import taxonomy_yaml as taxonomy_format
from loop.taxonomy.calibration import Calibrated
from loop.taxonomy.matching import Match
from loop.taxonomy.taxonomy import Taxonomy, tree_lines
from loop.wiring import build

app = typer.Typer(no_args_is_help=True, help="The tree of categories, and what is matched to it.")

File = Annotated[Path, typer.Argument(help="A taxonomy such as label_config/taxonomy.yaml.")]
MOST_SHOWN = 20


@app.command("check")
def check(
    file: File,
    project: Annotated[
        int | None, typer.Option("--project", min=1, max=LARGEST_ID, help="Try it on this project; nothing is stored.")
    ] = None,
    tasks: Annotated[int, typer.Option("--tasks", min=1, max=LARGEST_ID, help="On so many of its tasks.")] = 20,
) -> None:
    """Read a taxonomy and say what is wrong with it, without a server; with --project, try it on some tasks."""
    taxonomy = _read(file)
    said = f"{len(taxonomy.nodes)} nodes, {len(taxonomy.node_of_label)} labels, version {taxonomy.version}"
    out.print(f"{file}: {said}")
    if project is not None:
        parts = build(migrate=True)
        parts.projects.get(project)
        found = categorise.trial(parts, project, taxonomy, tasks)
        placed = sum(one.after.node is not None for one in found)
        out.print(f"{len(found)} detections on {len({one.entry.task for one in found})} tasks: {placed} matched")
        for one in found[:MOST_SHOWN]:
            now, then = _matched(one.before), _matched(one.after)
            where = f"task {one.entry.task} region {one.entry.region} ({one.entry.label} {one.entry.score:.2f})"
            out.print(f"{where}: {then}{'' if now == then else f', now {now}'}")


@app.command("show")
def show(
    file: Annotated[Path | None, typer.Argument(help="A taxonomy; without it, the one in force.")] = None,
    project: Annotated[
        int | None, typer.Option("--project", min=1, max=LARGEST_ID, help="Label Studio's project id.")
    ] = None,
) -> None:
    """Draw a taxonomy as a tree: a file, or the one in force in a project with what is matched to its nodes."""
    if (file is None) == (project is None):
        raise PayloadError("taxonomy show", "a file or --project", "both" if file else "none")
    if file is not None:
        _print_lines(tree_lines(_read(file)))
        return
    parts = build(migrate=True)
    parts.projects.get(project or 0)
    applied = parts.taxonomies.all(project or 0)
    if not applied:
        out.print("no taxonomy was applied")
        return
    _print_lines(tree_lines(applied[0].taxonomy))
    for one in applied[:MOST_SHOWN]:
        said = f"{one.number}: {one.taxonomy.version}, {one.applied_at:%Y-%m-%d %H:%M}, {one.why}"
        out.print(said)
    for node, count in sorted(categorise.counts(parts, project or 0).items(), key=lambda one: -one[1]):
        out.print(f"{node or 'unknown'}: {count} detections")


@app.command("apply")
def apply(project: ProjectId, file: File, why: Why = "applied by hand") -> None:
    """Put a taxonomy in force as a new version; `reapply` matches what is stored by it."""
    out.print(categorise.apply(build(migrate=True), project, _read(file), why))


@app.command("export")
def export(project: ProjectId) -> None:
    """Print the taxonomy in force as YAML, with what was promoted and calibrated since it was applied."""
    taxonomy = build(migrate=True).taxonomies.current(project)
    if taxonomy is None:
        raise PayloadError("taxonomy", "one that was applied (loop taxonomy apply)", None)
    typer.echo(taxonomy_format.write(taxonomy), nl=False)


@app.command("calibrate")
def calibrate(
    project: ProjectId,
    is_applied: Annotated[bool, typer.Option("--apply", help="Put the thresholds in force, as a new version.")] = False,
) -> None:
    """Read each node's threshold from how its references are matched without themselves."""
    parts = build(migrate=True)
    parts.projects.get(project)
    taxonomy, rows = categorise.calibrated(parts, project)
    _show_calibrated(rows)
    if is_applied:
        out.print(categorise.apply(parts, project, taxonomy, "calibrated"))


@app.command("reapply")
def reapply_all(
    project: ProjectId,
    is_dry: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and the token for it.")] = False,
    token: Annotated[str, typer.Option("--token", help="Do what the dry run of this token said.")] = "",
) -> None:
    """Match everything stored by the taxonomy and the references of now; people's labels are never touched."""
    if is_dry == bool(token):
        raise PayloadError("reapply", "--dry-run, or --token of a dry run", "both" if token else "none")
    parts = build(migrate=True)
    parts.projects.get(project)
    if token:
        with narrate(f"project {project}: matching everything again"):
            line = jobs.reapply(project, token)
        out.print(line)
        return
    found = reapply.dry_run(parts, project)
    for (before, after), times in found.plan.summary().items():
        out.print(f"{times} from {before or 'unknown'} to {after or 'unknown'}")
    said = f"{found.detections} detections, {len(found.plan.changes)} matches would change"
    out.print(f"{said}; token {found.plan.token}")


@app.command("undo")
def undo(project: ProjectId) -> None:
    """Take the last re-application back: every match is what it was before."""
    build(migrate=True).projects.get(project)
    with narrate(f"project {project}: taking the last re-application back"):
        line = jobs.undo(project)
    out.print(line)


def _read(file: Path) -> Taxonomy:
    with naming(file):
        return taxonomy_format.read(read_text(file, "a taxonomy in YAML"))


def _print_lines(lines: Sequence[str]) -> None:
    for line in lines:
        out.print(printable(line))


def _show_calibrated(rows: Sequence[Calibrated]) -> None:
    fields = (
        Field("node", folds=True),
        Field("references", rank=2, is_number=True),
        Field("threshold", is_number=True),
        Field("coverage", rank=1, is_number=True),
        Field("risk", rank=1, is_number=True),
        Field("read from", rank=3),
        Field("note", folds=True),
    )
    show_table(out, fields, [_calibrated_row(row) for row in rows])


def _calibrated_row(row: Calibrated) -> tuple[str, ...]:
    shares = ("" if share is None else f"{share:.2f}" for share in (row.coverage, row.risk))
    note = "" if row.reaches or row.risk is None else "risk above what is asked"
    return (row.node, str(row.references), f"{row.threshold:.3f}", *shares, row.basis.value, note)


def _matched(one: Match | None) -> str:
    return "not matched" if one is None else f"{one.node or 'unknown'} {one.score:.2f}"
