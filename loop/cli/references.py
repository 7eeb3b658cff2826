"""Commands on the reference collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from loop.cli.answers.command import Done, done
from loop.cli.grid import Field, show_table
from loop.cli.messages import narrate
from loop.cli.options import ProjectId, open_rooms, out
from loop.references import check as vet
from loop.references.check import KindStats
from loop.references.entries import Entry
from loop.references.feature import Feature, describe_feature

app = typer.Typer()
references_group = typer.Typer(no_args_is_help=True, help="Vectors of confirmed boxes (references) and of detections.")
app.add_typer(references_group, name="references")
MOST_SHOWN = 20
REAPPLY = "`loop taxonomy reapply --project {} --dry-run` shows which matches they would change"


@references_group.command()
def build(project: ProjectId) -> Done:
    """
    Make every missing vector.

    This may take long.
    """
    from loop import jobs

    open_rooms(project)
    with narrate(f"project {project}: making vectors"):
        line = jobs.build_references(project)
    return done(line, then=REAPPLY.format(project), project=project)


@references_group.command()
def rebuild(project: ProjectId) -> Done:
    """Drop the collections and rebuild them from records and images."""
    from loop import jobs

    open_rooms(project)
    with narrate(f"project {project}: making all vectors anew"):
        line = jobs.rebuild_references(project)
    return done(line, then=REAPPLY.format(project), project=project)


@references_group.command()
def stats(
    project: ProjectId,
) -> Annotated[dict[str, Any], "`feature`, with the URI and the collections, and `collections`, by kind; or nothing."]:
    """Show embedder, sizes, index, labels and verdicts of the collections."""
    rooms = open_rooms(project)
    statistics = vet.count_vectors(rooms.references, project)
    if statistics.space is None:
        out.print("nothing to embed with: no weights yet, or LOOP_EMBEDDER=none")
        return {"feature": None, "collections": []}
    feature = describe_feature(rooms.references, project, rooms.registry.versions.champion(project))
    out.print(f"feature {feature.uri}, also {feature.alias}")
    out.print(f"embedder {feature.embedder}, {statistics.space.fingerprint[:12]}")
    fields = (
        Field("collection"),
        Field("in Milvus", is_number=True),
        Field("index", rank=4),
        Field("alias", rank=5),
        Field("states", rank=1, folds=True),
        Field("labels", rank=2, folds=True),
        Field("verdicts", rank=3, folds=True),
    )
    show_table(out, fields, [_kind_row(kind, feature) for kind in statistics.kinds])
    if statistics.error:
        out.print(statistics.error)
    return {"feature": feature, "collections": statistics.kinds, "error": statistics.error}


@references_group.command()
def check(
    project: ProjectId,
    view: Annotated[bool, typer.Option("--view", help="Make a view of these tasks in Label Studio.")] = False,
) -> Annotated[object, "loop.references.check:LabelFindings"]:
    """List likely label errors, contradictions, and vectors without a source."""
    rooms = open_rooms(project)
    with narrate(f"project {project}: comparing vectors"):
        report = vet.check(rooms.references, project)
    out.print(f"{report.references} references")
    for suspect in report.suspects[:MOST_SHOWN]:
        problem = f"{suspect.entry.label}, but {suspect.share:.0%} of its neighbours say {suspect.suggested}"
        out.print(f"{_where(suspect.entry)}: {problem}")
    for pair in report.contradictions[:MOST_SHOWN]:
        likeness = f"looks like {_where(pair.second)} ({pair.similarity:.3f})"
        out.print(f"{_where(pair.first)}: {pair.first.label}, {likeness}: {pair.second.label}")
    counts = f"{len(report.suspects)} likely label errors, {len(report.contradictions)} contradictions"
    out.print(f"{counts}, {len(report.tasks)} tasks to look at")
    if report.without_task:
        out.print(f"tasks that are gone: {', '.join(map(str, report.without_task[:MOST_SHOWN]))}")
    for row in report.without_image[:MOST_SHOWN]:
        out.print(f"{_where(row.wanted.entry)}: {row.error}")
    if view:
        out.print(vet.make_view(rooms.references, project, report.tasks))
    elif report.tasks:
        out.print(f"next: loop references check --project {project} --view makes a view of them in Label Studio")
    return report


def _where(entry: Entry) -> str:
    return f"task {entry.task} region {entry.region}"


def _kind_row(kind: KindStats, feature: Feature) -> tuple[str, ...]:
    entries = "none" if kind.entries is None else str(kind.entries)
    counts = (_counts(numbers) for numbers in (kind.states, kind.labels, kind.verdicts))
    return (kind.kind, entries, kind.index or "", feature.aliases[kind.kind] if kind.is_current else "", *counts)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
