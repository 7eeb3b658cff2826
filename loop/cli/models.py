"""Commands on the versions of a project's detector."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from loop.cli.answers.command import Done, done
from loop.cli.answers.versions import ListedVersion, list_version, show_versions
from loop.cli.curves.learning import curve
from loop.cli.messages import narrate
from loop.cli.options import OneProject, ProjectId, VersionName, Why, open_rooms, out, print_for_all, print_text
from loop.cli.terminal.completion import complete_versions
from loop.registry.moves import CANDIDATE, CHAMPION, PREVIOUS
from loop.vision.elsewhere.convert import RuntimeFormat

ALIASES = (CHAMPION, PREVIOUS, CANDIDATE)
GateReportJson = Annotated[dict[str, Any], "The gate's report, as [gate.md](gate.md) describes it."]
READABLE = 0o644  # a page at a place of the user's choice
app = typer.Typer()
models_group = typer.Typer(no_args_is_help=True, help="Versions of a project's detector.")
app.add_typer(models_group, name="models")
models_group.command("curve")(curve)


@models_group.command("list")
def list_models(project: ProjectId) -> list[ListedVersion]:
    """List the versions of a project by number, newest last."""
    rooms = open_rooms(project)
    connected = rooms.studio.projects.get(project)
    marks = {alias: at.name for alias in ALIASES if (at := rooms.registry.versions.at(project, alias))}
    marks |= {mark: name for mark, name in (("pinned", connected.pinned), ("shadow", connected.shadow)) if name}
    listed = [list_version(version, marks) for version in rooms.registry.versions.list(project)]
    show_versions(out, listed)
    if not listed:
        out.print(f"project {project} has no versions yet: the first training makes one, as does `loop models add`")
    return listed


@models_group.command("show")
def show_model(
    name: VersionName, project: ProjectId
) -> Annotated[dict[str, Any], "The record of a version, from `name` to `facts`, with `exported` and `feature`."]:
    """Show the full record of a version, with the feature URI of its embeddings, as JSON."""
    from loop.references.feature import describe_feature

    rooms = open_rooms(project)
    version = rooms.registry.versions.get(project, name)
    export, feature = rooms.registry.exports.of(version), describe_feature(rooms.references, project, version)
    more = {"exported": asdict(export) if export else None, "feature": asdict(feature)}
    record = asdict(version) | more
    print_for_all(record)
    return record


@models_group.command("promote")
def promote_model(
    name: VersionName,
    project: ProjectId,
    why: Annotated[str | None, typer.Option("--why", help="The reason, recorded with the promotion.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Promote a version that the gate did not pass; needs --why.")
    ] = False,
) -> Done:
    """
    Promote a version.

    A version that the gate did not pass and that never served needs --force and
    --why.
    """
    from loop.gate.promote_by_hand import promote_by_hand

    with narrate(f"project {project}: promoting {name}"):
        version = promote_by_hand(open_rooms(project).gate, project, name, why, is_forced=force)
    return _done_serving(f"{version.name} serves project {project}", project, version.name)


@models_group.command("compare")
def compare_models(
    first: Annotated[str, typer.Argument(help="The version to compare with.", autocompletion=complete_versions)],
    second: Annotated[str, typer.Argument(help="The version to be compared.", autocompletion=complete_versions)],
    project: OneProject = None,
    snapshot: Annotated[
        str | None, typer.Option("--snapshot", help="The hash of a snapshot, or its beginning.")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the full report to this file.")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="The data.yaml of a dataset, not --project.")] = None,
) -> GateReportJson:
    """
    Compare two versions on the held-out split of a snapshot, by default the newest.

    Promotes nothing. With --data, FIRST and SECOND are files of weights, and
    no server is needed: `loop dataset convert` writes such a dataset.
    """
    from loop.cli.answers.comparison import measure, name_promotion, show_comparison
    from loop.gate.report import as_json
    from loop.gate.report_page import make_page
    from loop.storage.files import write_whole

    report = measure(first, second, project, snapshot, data)
    show_comparison(out, report)
    if html:
        write_whole(make_page(report).encode(), html.absolute(), mode=READABLE)
        out.print(f"the full report, with pictures: {html.absolute()}")
    if project:
        out.print(f"next: {name_promotion(open_rooms().gate, project, report.candidate.name)} lets it serve")
    return as_json(report)


@models_group.command("report")
def show_report(name: VersionName, project: ProjectId) -> GateReportJson:
    """Print the path of the gate's report on a version, or print the report as JSON."""
    rooms = open_rooms(project)
    html, plain = rooms.gate.reports.find(project, rooms.registry.versions.get(project, name).name)
    print_text(str(html))
    return json.loads(plain.read_text())  # type: ignore[no-any-return]


@models_group.command("rollback")
def roll_back_model(project: ProjectId, why: Why = "by hand") -> Done:
    """Roll back to the version that served before."""
    from loop.registry import promote as promoting

    version = promoting.roll_back(open_rooms(project).registry, project, why)
    pin = f"`loop models pin {version.name} --project {project}` keeps it: else the gate may promote the next version"
    return _done_serving(f"{version.name} serves project {project} again", project, version.name, pin)


@models_group.command("add")
def add_model(
    archive: Annotated[
        Path, typer.Argument(help="A .pt file, or a tar.gz of a .pt file and, optionally, a manifest.json.")
    ],
    project: ProjectId,
    name: Annotated[str | None, typer.Option("--name", help="The part of the version before the @.")] = None,
    version: Annotated[str | None, typer.Option("--version", help="X.Y.Z; by default the next version.")] = None,
    sha256: Annotated[str | None, typer.Option("--sha256", help="The expected SHA-256 of the file.")] = None,
) -> Done:
    """
    Register weights that were trained elsewhere, as a candidate.

    They are checked before they are loaded.
    """
    from loop.registry import transfer

    rooms, at = open_rooms(project), f"--project {project}"
    with narrate(f"project {project}: checking {archive}"):
        added, line = transfer.add(rooms.registry, project, archive, name=name, number=version, sha256=sha256)
    then = (
        f"loop models compare CHAMPION {added.name} {at} measures it on the held-out images",
        f"loop models promote {added.name} {at} --force --why … lets it serve",
    )
    return done(
        f"{added.name} is a candidate of project {project}; {line}", then=then, project=project, version=added.name
    )


@models_group.command("export")
def export_model(
    name: VersionName,
    project: ProjectId,
    to: Annotated[Path, typer.Option("--out", help="The tar.gz to write; with --format, the folder to write.")],
    kind: Annotated[
        RuntimeFormat | None, typer.Option("--format", help="Write the weights for use with another runtime.")
    ] = None,
) -> Done:
    """
    Write a version to an archive that `loop models add` reads.

    The same version gives the same bytes.

    With --format, write its weights for use elsewhere, with the class list
    and how to call it. An engine (TensorRT) is for the GPU of this machine.
    """
    from loop.registry import transfer

    registry = open_rooms(project).registry
    if kind is not None:
        with narrate(f"project {project}: converting {name}"):
            file = transfer.convert(registry, project, name, kind, to)
        return done(f"{file}; {to / 'HOW_TO.txt'} says how to call it", project=project, file=file)
    with narrate(f"project {project}: writing {name}"):
        sha256 = transfer.export(registry, project, name, to)
    then = f"loop models add {to} --project ID --sha256 {sha256} takes it into a project, also of another installation"
    return done(f"{to}: SHA-256 {sha256}", then=then, project=project, file=to, sha256=sha256)


@models_group.command("pin")
def pin_model(name: VersionName, project: ProjectId, why: Why = "pinned by hand") -> Done:
    """Promote a version and pin it: the gate promotes no other version until `loop models unpin`."""
    from loop.registry import promote as promoting

    with narrate(f"project {project}: promoting {name}"):
        version = promoting.pin(open_rooms(project).registry, project, name, why)
    unpin = f"loop models unpin --project {project} lets the gate decide again"
    return _done_serving(f"{version.name} serves project {project}, and stays", project, version.name, unpin)


@models_group.command("unpin")
def unpin_model(project: ProjectId, why: Why = "unpinned by hand") -> Done:
    """Let the gate decide again."""
    from loop.registry import promote as promoting

    pinned = promoting.unpin(open_rooms(project).registry, project, why)
    if not pinned:
        return done(f"project {project} was not pinned", project=project)
    then = f"{pinned} serves until the gate passes a version, or loop models promote does"
    return done(f"project {project} is no longer pinned to {pinned}", then=then, project=project, version=pinned)


@models_group.command("shadow")
def shadow_model(
    name: Annotated[str, typer.Argument(help="A version, or `off` to end the shadow.")],
    project: ProjectId,
    share: Annotated[float, typer.Option("--share", help="Share of the tasks, from 0 to 1.")] = 0.2,
    is_shown: Annotated[
        bool, typer.Option("--show", help="Also store the predictions of the shadow in Label Studio.")
    ] = False,
) -> Done:
    """
    Run a version as shadow of the champion: logged and judged, not shown.

    `loop rates --shadow` compares them.
    """
    from loop.serving import shadow as shadowing

    rooms = open_rooms(project)
    if name == "off":
        shadowing.end(rooms.serving, project)
        compare = f"loop rates --project {project} --shadow still compares what was reviewed"
        return done(f"project {project} no longer has a shadow", then=compare, project=project)
    tried = shadowing.begin(rooms.serving, project, name, share, is_shown=is_shown)
    line = f"{tried} answers beside the champion on {share:.0%} of the tasks of project {project}"
    then = (
        f"loop rates --project {project} --shadow compares them as soon as such tasks are reviewed",
        f"loop models shadow off --project {project} ends it",
    )
    return done(line, then=then, project=project, version=tried)


def _done_serving(line: str, project: int, version: str, *then: str) -> Done:
    """Say that a version serves, and what follows from it."""
    follows = (
        "open tasks are predicted with it in the background (loop status); a task that is open now keeps its boxes"
    )
    return done(line, then=(follows, *then), project=project, version=version)
