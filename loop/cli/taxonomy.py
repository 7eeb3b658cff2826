"""Commands on the taxonomy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from loop.cli.answers.command import Done, Unsuccessful, done
from loop.cli.grid import Field, show_table
from loop.cli.messages import FAILED, narrate, tell
from loop.cli.options import ProjectId, Why, open_rooms, optional_project, out, print_text
from loop.errors import PayloadError, TaxonomyError
from loop.storage.storable import LARGEST_ID
from loop.storage.text_file import naming, read_text
from loop.taxonomy import manage, reapply, taxonomy_yaml
from loop.taxonomy.calibration import NodeCalibration
from loop.taxonomy.editing.diff import compare, describe
from loop.taxonomy.taxonomy import Taxonomy
from loop.taxonomy.voting import Match

app = typer.Typer()
taxonomy_group = typer.Typer(
    no_args_is_help=True, help="The taxonomy: a tree of categories, and the detections matched to it."
)
app.add_typer(taxonomy_group, name="taxonomy")

File = Annotated[Path, typer.Argument(help="A taxonomy file, such as label_config/taxonomy.yaml.")]
MOST_SHOWN = 20
REAPPLY = "loop taxonomy reapply --project {} --dry-run shows which stored matches change by it; new ones follow it"
MEANING = (
    "threshold: least score of a match; coverage: share of the references that reach it; risk: share of these wrong"
)
TaxonomyCheck = Annotated[
    dict[str, Any], "`version`, `nodes`; with `--project` `changes` and `trials`. A file with several errors: `errors`."
]
TaxonomyShown = Annotated[dict[str, Any], "`nodes`; of a project its `versions`, and `detections` by node."]
ReappliedMatches = Annotated[
    Done | dict[str, Any], "Of a dry run: `detections`, `token`, and `changes` of `from`, `to`, `matches`."
]


@taxonomy_group.command("check")
def check(
    file: File,
    project: Annotated[
        int | None,
        optional_project("Try the taxonomy on this project; nothing is stored."),
    ] = None,
    tasks: Annotated[
        int, typer.Option("--tasks", min=1, max=LARGEST_ID, help="The number of tasks to try it on.")
    ] = 20,
) -> TaxonomyCheck:
    """Check a taxonomy file, without a server; with --project, show what it changes, and try it on some tasks."""
    taxonomy = _read(file)
    summary = f"{len(taxonomy.nodes)} nodes, {len(taxonomy.list_labels())} labels, version {taxonomy.version}"
    out.print(f"{file}: {summary}")
    diff, trials = None, list[manage.Trial]()
    if project is not None:
        rooms = open_rooms(project)
        diff = compare(rooms.taxonomies.store.current(project) or Taxonomy(), taxonomy)
        _print_lines(describe(diff))
        with narrate(f"project {project}: matching detections of {tasks} tasks"):
            trials = manage.try_taxonomy(rooms.taxonomies, project, taxonomy, tasks)
        matched = sum(trial.after.node is not None for trial in trials)
        out.print(f"{len(trials)} detections on {len({trial.entry.task for trial in trials})} tasks: {matched} matched")
        for trial in trials[:MOST_SHOWN]:
            entry, before, after = trial.entry, _match_text(trial.before), _match_text(trial.after)
            where = f"task {entry.task} region {entry.region} ({entry.label} {entry.score:.2f})"
            out.print(f"{where}: {after}{'' if before == after else f', now {before}'}")
    out.print(f"next: loop taxonomy apply --project {project or 'ID'} {quote(str(file))} puts it in force")
    return {"version": taxonomy.version, "nodes": taxonomy.nodes, "changes": diff, "trials": trials}


@taxonomy_group.command("show")
def show(
    file: Annotated[Path | None, typer.Argument(help="A taxonomy file, instead of --project.")] = None,
    project: Annotated[int | None, optional_project("Label Studio's project id.")] = None,
) -> TaxonomyShown:
    """Show a taxonomy as a tree: of a file, or of a project with its versions and matched detections."""
    if (file is None) == (project is None):
        raise PayloadError("taxonomy show", "a file or --project", "both" if file else "none")
    if file is not None:
        taxonomy = _read(file)
        _print_lines(tree_lines(taxonomy))
        return {"nodes": taxonomy.nodes, "versions": [], "detections": {}}
    rooms = open_rooms(project)
    applied = rooms.taxonomies.store.all(project or 0)
    if not applied:
        out.print("no taxonomy was applied; `loop taxonomy apply` puts a file in force")
        return {"nodes": [], "versions": [], "detections": {}}
    _print_lines(tree_lines(applied[0].taxonomy))
    for version in applied[:MOST_SHOWN]:
        out.print(f"{version.number}: {version.taxonomy.version}, {version.applied_at:%Y-%m-%d %H:%M}, {version.why}")
    matches = manage.count_matches(rooms.taxonomies, project or 0)
    counts = {node or "unknown": count for node, count in sorted(matches.items(), key=lambda pair: -pair[1])}
    for name, count in counts.items():
        out.print(f"{name}: {count} detections")
    versions = [{"number": each.number, "version": each.taxonomy.version, "why": each.why} for each in applied]
    return {"nodes": applied[0].taxonomy.nodes, "versions": versions, "detections": counts}


@taxonomy_group.command("apply")
def apply(project: ProjectId, file: File, why: Why = "applied by hand") -> Done:
    """
    Put a taxonomy in force as a new version.

    `loop taxonomy reapply` updates the stored matches.
    """
    line = manage.apply(open_rooms().taxonomies, project, _read(file), why)
    return done(line, then=REAPPLY.format(project), project=project)


@taxonomy_group.command("export")
def export(project: ProjectId) -> Annotated[dict[str, Any], "`nodes`."]:
    """Print the taxonomy in force as YAML, including promoted clusters and calibrated thresholds."""
    taxonomy = open_rooms().taxonomies.store.current(project)
    if taxonomy is None:
        raise PayloadError("taxonomy", "one that was applied (loop taxonomy apply)", None)
    print_text(taxonomy_yaml.write(taxonomy).removesuffix("\n"))
    return {"nodes": taxonomy.nodes}


@taxonomy_group.command("calibrate")
def calibrate(
    project: ProjectId,
    is_applied: Annotated[bool, typer.Option("--apply", help="Put the thresholds in force as a new version.")] = False,
) -> list[NodeCalibration]:
    """Calibrate the threshold of each node by matching each of its references to all others."""
    rooms = open_rooms(project)
    with narrate(f"project {project}: matching the references"):
        taxonomy, rows = manage.calibrate(rooms.taxonomies, project)
    _show_calibration(rows)
    if is_applied:
        out.print(manage.apply(rooms.taxonomies, project, taxonomy, "calibrated"))
        out.print(f"next: {REAPPLY.format(project)}")
    else:
        out.print(f"next: loop taxonomy calibrate --project {project} --apply puts these thresholds in force")
    return rows


@taxonomy_group.command("reapply")
def reapply_all(
    project: ProjectId,
    is_dry: Annotated[
        bool, typer.Option("--dry-run", help="Show the changes, and the token that confirms them.")
    ] = False,
    token: Annotated[str, typer.Option("--token", help="Make the changes of the dry run with this token.")] = "",
) -> ReappliedMatches:
    """
    Match all stored detections again, by the current taxonomy and references.

    Labels of people never change.
    """
    if is_dry == bool(token):
        raise PayloadError("reapply", "--dry-run, or --token of a dry run", "both" if token else "none")
    rooms = open_rooms(project)
    if token:
        from loop import jobs

        with narrate(f"project {project}: matching everything again"):
            line = jobs.reapply(project, token)
        return done(
            line, then=f"loop taxonomy undo --project {project} restores every match that changed", project=project
        )
    with narrate(f"project {project}: matching everything"):
        preview = reapply.dry_run(rooms.taxonomies, project)
    for (before, after), times in preview.plan.summary().items():
        out.print(f"{times} from {before or 'unknown'} to {after or 'unknown'}")
    if stay := len(preview.plan.changes) - sum(preview.plan.summary().values()):
        out.print(f"{stay} keep their node or stay unknown, with another score or other references")
    counts = f"{preview.detections} detections, {len(preview.plan.changes)} matches would change"
    out.print(f"{counts}; token {preview.plan.token}")
    if preview.plan.changes:
        out.print(f"next: loop taxonomy reapply --project {project} --token {preview.plan.token} makes these changes")
    changes = [{"from": a, "to": b, "matches": times} for (a, b), times in preview.plan.summary().items()]
    return {"detections": preview.detections, "token": preview.plan.token, "changes": changes}


@taxonomy_group.command("undo")
def undo(project: ProjectId) -> Done:
    """Undo the last re-application: restore every match that it changed."""
    from loop import jobs

    open_rooms(project)
    with narrate(f"project {project}: undoing the last re-application"):
        line = jobs.undo(project)
    then = (
        f"loop taxonomy reapply --project {project} --dry-run shows what matches by the current taxonomy would change"
    )
    return done(line, then=then, project=project)


def _read(file: Path) -> Taxonomy:
    """Read a file; print all its errors if it has several."""
    try:
        with naming(file):
            return taxonomy_yaml.read(read_text(file, "a taxonomy in YAML"))
    except TaxonomyError as error:
        if not error.others:
            raise
        errors = [str(each) for each in (error, *error.others)]
        for each in errors:
            tell(f"loop: {each}")
        answer = {"error": {"kind": type(error).__name__, "message": errors[0]}, "errors": errors, "exit_code": FAILED}
        raise Unsuccessful(answer) from None


def tree_lines(taxonomy: Taxonomy, parent: str | None = None, depth: int = 0) -> list[str]:
    """Draw the tree, one line per node, children indented under their parent."""
    lines = []
    for node in taxonomy.children(parent):
        labels = f"  labels: {', '.join(node.labels)}" if node.labels else ""
        threshold = "" if node.threshold is None else f"  threshold: {node.threshold:g}"
        lines.append(f"{'  ' * depth}{node.id}{f' ({node.title})' if node.title else ''}{labels}{threshold}")
        lines += tree_lines(taxonomy, node.id, depth + 1)
    return lines


def _print_lines(lines: Sequence[str]) -> None:
    for line in lines:
        out.print(line)


def _show_calibration(rows: Sequence[NodeCalibration]) -> None:
    fields = (
        Field("node", folds=True),
        Field("references", rank=2, is_number=True),
        Field("threshold", is_number=True),
        Field("coverage", rank=1, is_number=True),
        Field("risk", rank=1, is_number=True),
        Field("calibrated on", rank=3),
        Field("note", folds=True),
    )
    show_table(out, fields, [_calibration_row(row) for row in rows], MEANING)


def _calibration_row(row: NodeCalibration) -> tuple[str, ...]:
    shares = ("" if share is None else f"{share:.2f}" for share in (row.coverage, row.risk))
    note = "" if row.reaches or row.risk is None else "risk above the limit"
    return (row.node, str(row.references), f"{row.threshold:.3f}", *shares, row.basis.value, note)


def _match_text(match: Match | None) -> str:
    return "not matched" if match is None else f"{match.node or 'unknown'} {match.score:.2f}"
