"""The command that finds categories among what nothing has a name for."""

from __future__ import annotations

from typing import Annotated

import typer

from loop import jobs
from loop.bootstrap import build
from loop.commands import clusters
from loop.commands.options import ProjectId, out
from loop.decisions.clustering import ClusterPolicy, Method

app = typer.Typer()
DEFAULT = ClusterPolicy()


@app.command()
def discover(
    project: ProjectId,
    method: Annotated[Method, typer.Option("--method", help="How clusters are found.")] = DEFAULT.method,
    count: Annotated[int, typer.Option("--clusters", help="How many, of k-means.")] = DEFAULT.clusters,
    seed: Annotated[int, typer.Option("--seed", help="The same one gives the same clusters.")] = DEFAULT.seed,
) -> None:
    """Cluster what nothing has a name for, and show the clusters."""
    parts = build(migrate=True)
    parts.projects.get(project)
    out.print(jobs.discover_now(project, ClusterPolicy(method=method, clusters=count, seed=seed)))
    clusters.show_clusters(parts.clusters.all(project), everything=False)
