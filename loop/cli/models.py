"""Commands on the versions of a project's detector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from loop.cli.grid import Field, show_table
from loop.cli.messages import narrate
from loop.cli.options import (
    AsJson,
    ProjectId,
    VersionName,
    Why,
    open_rooms,
    out,
    print_json,
    print_json_text,
    print_text,
)
from loop.gate.compare import compare
from loop.gate.comparison import Part
from loop.gate.promote_by_hand import promote_by_hand
from loop.gate.report import GateReport, list_broken, list_fixed
from loop.gate.report import as_json as as_plain
from loop.gate.report_page import make_page
from loop.references.feature import describe_feature
from loop.registry import promote as promoting
from loop.registry import transfer
from loop.registry.moves import CANDIDATE, CHAMPION, PREVIOUS
from loop.registry.store import Version
from loop.serving import shadow as shadowing
from loop.storage.files import write_whole
from loop.vision.elsewhere.convert import RuntimeFormat

ALIASES = (CHAMPION, PREVIOUS, CANDIDATE)
READABLE = 0o644  # a page at a place of the user's choice
app = typer.Typer()
models_group = typer.Typer(no_args_is_help=True, help="Versions of a project's detector.")
app.add_typer(models_group, name="models")


@models_group.command("list")
def list_models(project: ProjectId) -> None:
    """List the versions of a project by number, newest last."""
    rooms = open_rooms(project)
    connected = rooms.studio.projects.get(project)
    marks = {alias: at.name for alias in ALIASES if (at := rooms.registry.versions.at(project, alias))}
    marks |= {mark: name for mark, name in (("pinned", connected.pinned), ("shadow", connected.shadow)) if name}
    fields = (
        Field("version"),
        Field("aliases", folds=True),
        Field("snapshot", rank=3),
        Field("parent", rank=2),
        Field("created", rank=1),
    )
    rows = [_version_row(version, marks) for version in rooms.registry.versions.list(project)]
    show_table(out, fields, rows)
    if not rows:
        out.print(f"project {project} has no versions yet: the first training makes one, as does `loop models add`")


def _version_row(version: Version, marks: Mapping[str, str]) -> tuple[str, ...]:
    named = [mark for mark, name in marks.items() if name == version.name]
    facts = version.facts
    return (
        version.name,
        ", ".join(named if version.has_weights else [*named, "no weights"]),
        (facts.snapshot or "")[:16],
        facts.parent or "",
        f"{version.created_at:%Y-%m-%d %H:%M}",
    )


@models_group.command("show")
def show_model(name: VersionName, project: ProjectId) -> None:
    """Show the full record of a version, with the feature URI of its embeddings."""
    rooms = open_rooms(project)
    version = rooms.registry.versions.get(project, name)
    export, feature = rooms.registry.exports.of(version), describe_feature(rooms.references, project, version)
    more = {"exported": asdict(export) if export else None, "feature": asdict(feature)}
    print_json(asdict(version) | more, default=str)


@models_group.command("promote")
def promote_model(
    name: VersionName,
    project: ProjectId,
    why: Annotated[str | None, typer.Option("--why", help="The reason, recorded with the promotion.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Promote a version that the gate did not pass; needs --why.")
    ] = False,
) -> None:
    """Promote a version. A version that the gate did not pass and that never served needs --force and --why."""
    with narrate(f"project {project}: promoting {name}"):
        version = promote_by_hand(open_rooms(project).gate, project, name, why, is_forced=force)
    out.print(f"{version.name} serves project {project}")


@models_group.command("compare")
def compare_models(
    first: Annotated[str, typer.Argument(help="The version to compare with.")],
    second: Annotated[str, typer.Argument(help="The version to be compared.")],
    project: ProjectId,
    snapshot: Annotated[
        str | None, typer.Option("--snapshot", help="The hash of a snapshot, or its beginning.")
    ] = None,
    as_json: AsJson = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write the full report to this file.")] = None,
) -> None:
    """Compare two versions on the held-out split of a snapshot, by default the newest. Promotes nothing."""
    report = compare(open_rooms(project).gate, project, first, second, snapshot)
    if html:
        write_whole(make_page(report).encode(), html.absolute(), mode=READABLE)
    if as_json:
        print_json(as_plain(report))
    else:
        show_comparison(out, report)


def show_comparison(out: Console, report: GateReport) -> None:
    """Print the comparison of two versions: one row for all classes, one row per class."""
    comparison = report.comparison
    names = [side.name.rpartition("@")[2] for side in (report.champion, report.candidate)]
    fields = (
        Field("class", folds=True),
        Field("images", rank=3, is_number=True),
        Field("boxes", rank=2, is_number=True),
        *(Field(name, rank=1, is_number=True) for name in names),
        Field("change", is_number=True),
        Field("95% interval", is_number=True),
    )
    whole = Part("all", comparison.candidate.images, comparison.candidate.boxes, comparison.overall)
    changes = [whole, *sorted(comparison.classes, key=lambda part: part.change.lead)]
    rows = [_part_row(part) for part in [*changes, *(part for part in (comparison.known, comparison.fresh) if part)]]
    out.print(f"mAP50-95 on the held-out images of snapshot {report.snapshot[:16]}")
    show_table(out, fields, rows)
    fewer, more = len(list_fixed(comparison.mistakes)), len(list_broken(comparison.mistakes))
    out.print(f"{report.candidate.name} has fewer mistakes on {fewer} images, more on {more}")
    if comparison.latency:
        out.print(f"{comparison.latency.champion:.1f} and {comparison.latency.candidate:.1f} ms an image")


def _part_row(part: Part) -> tuple[str, ...]:
    change = part.change
    numbers = (f"{change.champion:.3f}", f"{change.candidate:.3f}", f"{change.lead:+.3f}")
    return (part.name, str(part.images), str(part.boxes), *numbers, f"{change.low:+.3f} to {change.high:+.3f}")


@models_group.command("report")
def show_report(name: VersionName, project: ProjectId, as_json: AsJson = False) -> None:
    """Print the path of the gate's report on a version, or print the report as JSON."""
    rooms = open_rooms(project)
    html, plain = rooms.gate.reports.find(project, rooms.registry.versions.get(project, name).name)
    print_json_text(plain.read_text()) if as_json else print_text(str(html))


@models_group.command("rollback")
def roll_back_model(project: ProjectId, why: Why = "by hand") -> None:
    """Roll back to the version that served before."""
    version = promoting.roll_back(open_rooms(project).registry, project, why)
    out.print(f"{version.name} serves project {project} again")


@models_group.command("add")
def add_model(
    archive: Annotated[
        Path, typer.Argument(help="A .pt file, or a tar.gz of a .pt file and, optionally, a manifest.json.")
    ],
    project: ProjectId,
    name: Annotated[str | None, typer.Option("--name", help="The part of the version before the @.")] = None,
    version: Annotated[str | None, typer.Option("--version", help="X.Y.Z; by default the next version.")] = None,
    sha256: Annotated[str | None, typer.Option("--sha256", help="The expected SHA-256 of the file.")] = None,
) -> None:
    """Register weights that were trained elsewhere, as a candidate. They are checked before they are loaded."""
    rooms = open_rooms(project)
    added, line = transfer.add(rooms.registry, project, archive, name=name, number=version, sha256=sha256)
    out.print(f"{added.name} is a candidate of project {project}; {line}")


@models_group.command("export")
def export_model(
    name: VersionName,
    project: ProjectId,
    to: Annotated[Path, typer.Option("--out", help="The tar.gz to write; with --format, the folder to write.")],
    kind: Annotated[
        RuntimeFormat | None, typer.Option("--format", help="Write the weights for use with another runtime.")
    ] = None,
) -> None:
    """
    Write a version to an archive that `loop models add` reads. The same version gives the same bytes.

    With --format, write its weights for use elsewhere, with the class list
    and how to call it. An engine (TensorRT) is for the GPU of this machine.
    """
    if kind is not None:
        with narrate(f"project {project}: converting {name}"):
            file = transfer.convert(open_rooms(project).registry, project, name, kind, to)
        out.print(f"{file}; {to / 'HOW_TO.txt'} says how to call it")
        return
    sha256 = transfer.export(open_rooms(project).registry, project, name, to)
    out.print(f"{to}: SHA-256 {sha256}")


@models_group.command("pin")
def pin_model(name: VersionName, project: ProjectId, why: Why = "pinned by hand") -> None:
    """Promote a version and pin it: the gate promotes no other version until `loop models unpin`."""
    version = promoting.pin(open_rooms(project).registry, project, name, why)
    out.print(f"{version.name} serves project {project}, and stays")


@models_group.command("unpin")
def unpin_model(project: ProjectId, why: Why = "unpinned by hand") -> None:
    """Let the gate decide again."""
    pinned = promoting.unpin(open_rooms(project).registry, project, why)
    out.print(f"project {project} is no longer pinned to {pinned}" if pinned else f"project {project} was not pinned")


@models_group.command("shadow")
def shadow_model(
    name: Annotated[str, typer.Argument(help="A version, or `off` to end the shadow.")],
    project: ProjectId,
    share: Annotated[float, typer.Option("--share", help="Share of the tasks, from 0 to 1.")] = 0.2,
    is_shown: Annotated[
        bool, typer.Option("--show", help="Also store the predictions of the shadow in Label Studio.")
    ] = False,
) -> None:
    """Run a version as shadow of the champion: logged and judged, not shown. `loop rates --shadow` compares them."""
    rooms = open_rooms(project)
    if name == "off":
        shadowing.end(rooms.serving, project)
        out.print(f"project {project} no longer has a shadow")
    else:
        tried = shadowing.begin(rooms.serving, project, name, share, is_shown=is_shown)
        out.print(f"{tried} answers beside the champion on {share:.0%} of the tasks of project {project}")
