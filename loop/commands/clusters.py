"""Commands on the clusters of the unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from loop.adapters.cluster_log import ClusterState, KeptCluster
from loop.bootstrap import build
from loop.commands.options import ProjectId, out
from loop.parts import Parts
from loop.use_cases import clusters
from loop.use_cases.draw_unknown import said

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
    out.print(f"cluster {found.id}, {_state(kept)}: {said(found)}", markup=False, soft_wrap=True)
    sheet = parts.discoveries.sheet(project, found.id)
    out.print(str(sheet) if sheet.exists() else "no contact sheet", markup=False, soft_wrap=True)
    table = Table("", "task", "region", "label", "score", box=None)
    rows = [("member", one) for one in found.members[:MOST_SHOWN]]
    rows += [("likely", one) for one in found.likely[:MOST_SHOWN]]
    for what, one in rows:
        table.add_row(what, str(one.task), escape(one.region), escape(one.label), f"{one.score:.2f}")
    out.print(table)
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
            out.print(line, markup=False, soft_wrap=True)


@app.command()
def dismiss(chosen: ClusterIds, project: ProjectId) -> None:
    """Say that clusters are nothing; they do not come back."""
    parts = _parts(project)
    for one in [parts.clusters.find(project, one).found.id for one in chosen]:
        out.print(clusters.dismiss(parts, project, one), markup=False)


def show_clusters(found: Sequence[KeptCluster], *, everything: bool) -> None:
    """Print a row a cluster."""
    shown = [one for one in found if everything or one.state == ClusterState.OPEN]
    if not shown:
        out.print("no clusters; `loop discover` looks for some")
        return
    table = Table(
        Column("id", no_wrap=True), "state", "size", "likely", "persistence", "stability", "nearest", "label", box=None
    )
    for kept in shown:
        one, hint = kept.found, kept.found.suggestion
        persistence = "" if one.persistence is None else f"{one.persistence:.2f}"
        nearest = f"{hint.nearest} {hint.likeness:.2f}" if hint.nearest else ""
        label = f"{hint.name} {hint.agreement:.0%}" if hint.name else ""
        counts = (str(one.size), str(len(one.likely)))
        table.add_row(
            one.id, escape(_state(kept)), *counts, persistence, f"{one.stability:.2f}", escape(nearest), escape(label)
        )
    out.print(table)


def _state(kept: KeptCluster) -> str:
    return f"{kept.state} to {kept.name}" if kept.state == ClusterState.PROMOTED else str(kept.state)


def _parts(project: int) -> Parts:
    parts = build(migrate=True)
    parts.projects.get(project)
    return parts
