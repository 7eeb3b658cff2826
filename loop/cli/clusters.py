"""Commands on the clusters of the unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from loop.cli.answers.command import Done, done
from loop.cli.grid import Field, show_table
from loop.cli.messages import narrate
from loop.cli.options import ProjectId, Why, open_rooms, out
from loop.cli.terminal.completion import complete_clusters
from loop.discovery.cluster_policy import ClusterPolicy, Method
from loop.discovery.cluster_record import ClusterRecord, ClusterState
from loop.storage.storable import LARGEST_ID

app = typer.Typer()
clusters_group = typer.Typer(no_args_is_help=True, help="Clusters of the unknown.")
app.add_typer(clusters_group, name="clusters")
MOST_SHOWN = 20
MEANING = (
    "likely: boxes of no cluster that look like its members; a promotion puts their tasks into its view, and leaves "
    "them unnamed; "
    "persistence: 0 to 1, how much closer together than their surroundings the members are; stability: over 0.75 the "
    "cluster comes back from other samples, under 0.5 it does not; nearest: its cosine; label: its share of the members"
)
DEFAULT = ClusterPolicy()

ClusterId = Annotated[
    str, typer.Argument(help="The id of a cluster, or its beginning.", autocompletion=complete_clusters)
]
ClusterIds = Annotated[
    list[str], typer.Argument(help="The ids of clusters, or their beginnings.", autocompletion=complete_clusters)
]
Count = Annotated[int, typer.Option("--clusters", min=1, max=LARGEST_ID, help="Number of clusters; k-means only.")]
Seed = Annotated[
    int, typer.Option("--seed", min=0, max=2**32 - 1, help="Random seed; the same seed gives the same clusters.")
]


@app.command()
def discover(
    project: ProjectId,
    method: Annotated[Method, typer.Option("--method", help="The clustering method.")] = DEFAULT.method,
    count: Count = DEFAULT.clusters,
    seed: Seed = DEFAULT.seed,
) -> list[ClusterRecord]:
    """
    Cluster the unknown, and show the clusters.

    The unknown consists of detections that match no node, candidates under
    the threshold, and boxes whose label is in no node. The command writes
    one contact sheet per cluster, and a map of all clusters.
    """
    from loop import jobs

    rooms = open_rooms(project)
    with narrate(f"project {project}: looking for clusters"):
        line = jobs.discover_now(project, ClusterPolicy(method=method, clusters=count, seed=seed))
    out.print(line)
    records = rooms.discovery.clusters.all(project)
    show_clusters(project, records, everything=False)
    return records


@clusters_group.command("list")
def list_clusters(
    project: ProjectId,
    everything: Annotated[bool, typer.Option("--all", help="Include promoted and dismissed clusters.")] = False,
) -> list[ClusterRecord]:
    """List the clusters of the last discovery."""
    records = open_rooms(project).discovery.clusters.all(project)
    show_clusters(project, records, everything=everything)
    return [record for record in records if everything or record.state == ClusterState.OPEN]


@clusters_group.command()
def show(cluster: ClusterId, project: ProjectId) -> ClusterRecord:
    """Show a cluster: its suggested name, its contact sheet, its members."""
    from loop.discovery.pictures import describe

    rooms = open_rooms(project)
    record = rooms.discovery.clusters.find(project, cluster)
    details = record.cluster
    out.print(f"cluster {details.id}, {record.describe_state()}: {describe(details)}")
    sheet = rooms.discovery.pictures.sheet_path(project, details.id)
    out.print(str(sheet) if sheet.exists() else "no contact sheet")
    rows = [("member", entry) for entry in details.members[:MOST_SHOWN]]
    rows += [("likely", entry) for entry in details.likely[:MOST_SHOWN]]
    fields = (
        Field("part", rank=1),
        Field("task", is_number=True),
        Field("region"),
        Field("label", folds=True),
        Field("score", is_number=True),
    )
    cells = [(part, str(entry.task), entry.region, entry.label, f"{entry.score:.2f}") for part, entry in rows]
    show_table(out, fields, cells, "score: the confidence of the detection, 0 to 1")
    out.print(f"{details.size} members, {len(details.likely)} likely ones, {len(details.tasks)} tasks")
    return record


@clusters_group.command()
def promote(
    chosen: ClusterIds,
    project: ProjectId,
    name: Annotated[str, typer.Option("--name", help="Name of the category; an existing category gets the members.")],
    parent: Annotated[str | None, typer.Option("--parent", help="The parent node of a new category.")] = None,
) -> Done:
    """Make one category of clusters: a taxonomy node, references, a label and a view of the tasks."""
    from loop.discovery.decide import promote as promote_cluster

    rooms = open_rooms(project)
    # every cluster is looked up before the first is promoted
    ids = [rooms.discovery.clusters.find(project, prefix).cluster.id for prefix in chosen]
    with narrate(f"project {project}: promoting"):
        lines = [line for each in ids for line in promote_cluster(rooms.discovery, project, each, name, parent)]
    then = (
        "new predictions have the category as soon as its references are made, within minutes",
        f"loop taxonomy reapply --project {project} --dry-run shows which boxes that are stored would get it",
    )
    return done(*lines, then=then, project=project, clusters=ids)


@clusters_group.command()
def dismiss(chosen: ClusterIds, project: ProjectId) -> Done:
    """
    Dismiss clusters.

    Later clusters that mostly consist of their members stay hidden too.
    """
    from loop.discovery.decide import dismiss as dismiss_cluster

    rooms = open_rooms(project)
    ids = [rooms.discovery.clusters.find(project, prefix).cluster.id for prefix in chosen]
    lines = [dismiss_cluster(rooms.discovery, project, cluster) for cluster in ids]
    then = f"loop clusters undo {' '.join(ids)} --project {project} opens it again"
    return done(*lines, then=then, project=project, clusters=ids)


@clusters_group.command("undo")
def undo_decision(chosen: ClusterIds, project: ProjectId, why: Why = "undone by hand") -> Done:
    """
    Undo the promotion or the dismissal of clusters, which are open again then.

    What a promotion added goes: references, label, node and view. A label
    that reviews have stays, with its node: no review changes.
    """
    from loop.discovery.undo import undo

    rooms = open_rooms(project)
    ids = [rooms.discovery.clusters.find(project, prefix).cluster.id for prefix in chosen]
    lines = [line for cluster in ids for line in undo(rooms.discovery, project, cluster, why)]
    then = (
        f"loop clusters list --project {project} shows it; open tasks that had a label by a promotion lose it within "
        "minutes"
    )
    return done(*lines, then=then, project=project, clusters=ids)


def show_clusters(project: int, records: Sequence[ClusterRecord], *, everything: bool) -> None:
    """Print one row per cluster."""
    shown = [cluster for cluster in records if everything or cluster.state == ClusterState.OPEN]
    if not shown:
        out.print(f"no clusters; `loop discover --project {project}` looks for clusters")
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
    show_table(out, fields, [_cluster_row(cluster) for cluster in shown], MEANING)
    out.print(f"next: loop clusters show ID --project {project} has the pictures")
    out.print(f"next: loop clusters promote ID --project {project} --name NAME makes a label of a cluster")
    out.print(f"next: loop clusters dismiss ID --project {project} hides it")


def _cluster_row(record: ClusterRecord) -> tuple[str, ...]:
    cluster, hint = record.cluster, record.cluster.hint
    persistence = "" if cluster.persistence is None else f"{cluster.persistence:.2f}"
    nearest = f"{hint.nearest} {hint.likeness:.2f}" if hint.nearest else ""
    label = f"{hint.name} {hint.agreement:.0%}" if hint.name else ""
    counts = (str(cluster.size), str(len(cluster.likely)), persistence, f"{cluster.stability:.2f}")
    return (cluster.id, record.describe_state(), *counts, nearest, label)
