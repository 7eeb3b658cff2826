"""The command that discovers clusters of the unknown."""

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

Count = Annotated[int, typer.Option("--clusters", min=1, max=LARGEST_ID, help="Number of clusters; k-means only.")]
Seed = Annotated[
    int, typer.Option("--seed", min=0, max=2**32 - 1, help="Random seed; the same seed gives the same clusters.")
]


@app.command()
def discover(
    project: ProjectId,
    method: Annotated[Method, typer.Option("--method", help="The clustering method.")] = DEFAULT.method,
    count: Annotated[
        int, typer.Option("--clusters", min=1, max=LARGEST_ID, help="Number of clusters; k-means only.")
    ] = DEFAULT.clusters,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=2**32 - 1, help="Random seed; the same seed gives the same clusters.")
    ] = DEFAULT.seed,
) -> None:
    """
    Cluster the unknown, and show the clusters.

    The unknown consists of detections that match no node, candidates under
    the threshold, and boxes whose label is in no node. The command writes
    one contact sheet per cluster, and a map of all clusters.
    """
    parts = build(migrate=True)
    parts.projects.get(project)
    with narrate(f"project {project}: looking for clusters"):
        line = jobs.discover_now(project, ClusterPolicy(method=method, clusters=count, seed=seed))
    out.print(line)
    clusters.show_clusters(parts.clusters.all(project), everything=False)
