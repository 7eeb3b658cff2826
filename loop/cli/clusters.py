"""Commands on the clusters of the unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from loop.cli.grid import Field, show_table
from loop.cli.options import ProjectId, out
from loop.discovery import decide as clusters
from loop.discovery.cluster_store import ClusterState, KeptCluster
from loop.discovery.pictures import said
from loop.parts import Parts
from loop.wiring import build

app = typer.Typer(no_args_is_help=True, help="Clusters of what nothing has a name for.")
MOST_SHOWN = 20

ClusterId = Annotated[str, typer.Argument(help="A cluster's id, or its beginning.")]
ClusterIds = Annotated[list[str], typer.Argument(help="Their ids, or their beginnings.")]


@app.command("list")
def list_clusters(
    project: ProjectId,
    everything: Annotated[bool, typer.Option("--all", help="Those promoted and dismissed too.")] = False,
) -> None:
    """List the clusters of the last discovery."""
    show_clusters(_parts(project).clusters.all(project), everything=everything)


@app.command()
def show(cluster: ClusterId, project: ProjectId) -> None:
    """Show a cluster: what it may be, where its pictures are, its members."""
    parts = _parts(project)
    kept = parts.clusters.find(project, cluster)
    found = kept.found
    out.print(f"cluster {found.id}, {_state(kept)}: {said(found)}")
    sheet = parts.discoveries.sheet(project, found.id)
    out.print(str(sheet) if sheet.exists() else "no contact sheet")
    rows = [("member", one) for one in found.members[:MOST_SHOWN]]
    rows += [("likely", one) for one in found.likely[:MOST_SHOWN]]
    fields = (
        Field("part", rank=1),
        Field("task", is_number=True),
        Field("region"),
        Field("label", folds=True),
        Field("score", is_number=True),
    )
    show_table(out, fields, [(part, str(one.task), one.region, one.label, f"{one.score:.2f}") for part, one in rows])
    out.print(f"{found.size} members, {len(found.likely)} likely ones, {len(found.tasks)} tasks")


@app.command()
def promote(
    chosen: ClusterIds,
    project: ProjectId,
    name: Annotated[str, typer.Option("--name", help="What it is called; an existing category gets its members.")],
    parent: Annotated[str | None, typer.Option("--parent", help="The node that it is under.")] = None,
) -> None:
    """Make clusters one category: a node, its references, a label, a view of its tasks."""
    parts = _parts(project)
    for one in [parts.clusters.find(project, one).found.id for one in chosen]:  # all, before any is touched
        for line in clusters.promote(parts, project, one, name, parent):
            out.print(line)


@app.command()
def dismiss(chosen: ClusterIds, project: ProjectId) -> None:
    """Say that clusters are nothing; they do not come back."""
    parts = _parts(project)
    for one in [parts.clusters.find(project, one).found.id for one in chosen]:
        out.print(clusters.dismiss(parts, project, one))


def show_clusters(found: Sequence[KeptCluster], *, everything: bool) -> None:
    """Print a row a cluster."""
    shown = [one for one in found if everything or one.state == ClusterState.OPEN]
    if not shown:
        out.print("no clusters; `loop discover` looks for some")
        return
    fields = (
        Field("id"),
        Field("state", rank=1, folds=True),
        Field("size", is_number=True),
        Field("likely", rank=3, is_number=True),
        Field("persistence", rank=5, is_number=True),
        Field("stability", rank=4, is_number=True),
        Field("nearest", rank=2, folds=True),
        Field("label", folds=True),
    )
    show_table(out, fields, [_cluster_row(kept) for kept in shown])


def _cluster_row(kept: KeptCluster) -> tuple[str, ...]:
    found, hint = kept.found, kept.found.suggestion
    persistence = "" if found.persistence is None else f"{found.persistence:.2f}"
    nearest = f"{hint.nearest} {hint.likeness:.2f}" if hint.nearest else ""
    label = f"{hint.name} {hint.agreement:.0%}" if hint.name else ""
    counts = (str(found.size), str(len(found.likely)), persistence, f"{found.stability:.2f}")
    return (found.id, _state(kept), *counts, nearest, label)


def _state(kept: KeptCluster) -> str:
    return f"{kept.state} to {kept.name}" if kept.state == ClusterState.PROMOTED else str(kept.state)


def _parts(project: int) -> Parts:
    parts = build(migrate=True)
    parts.projects.get(project)
    return parts
