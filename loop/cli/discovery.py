"""The command that finds categories among what nothing has a name for."""

from __future__ import annotations

from typing import Annotated

import typer

from loop import jobs
from loop.cli import clusters
from loop.cli.options import ProjectId, out
from loop.cli.progress import narrate
from loop.discovery.clustering import ClusterPolicy, Method
from loop.storage.storable import LARGEST_ID
from loop.wiring import build

app = typer.Typer()
DEFAULT = ClusterPolicy()

Count = Annotated[int, typer.Option("--clusters", min=1, max=LARGEST_ID, help="How many, of k-means.")]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="The same one gives the same clusters.")]


@app.command()
def discover(
    project: ProjectId,
    method: Annotated[Method, typer.Option("--method", help="How clusters are found.")] = DEFAULT.method,
    count: Annotated[
        int, typer.Option("--clusters", min=1, max=LARGEST_ID, help="How many, of k-means.")
    ] = DEFAULT.clusters,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**32 - 1, help="The same one gives the same clusters.")
    ] = DEFAULT.seed,
) -> None:
    """
    Cluster what nothing has a name for, and show the clusters.

    These are detections that match nothing, candidates under the threshold,
    and boxes whose label is in no node. It writes a contact sheet for each
    cluster, and a map of all.
    """
    parts = build(migrate=True)
    parts.projects.get(project)
    with narrate(f"project {project}: looking for clusters"):
        line = jobs.discover_now(project, ClusterPolicy(method=method, clusters=count, seed=seed))
    out.print(line)
    clusters.show_clusters(parts.clusters.all(project), everything=False)
