"""Finds new categories among the unknown boxes of a project."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from loop.discovery.beside_references import cluster_beside
from loop.discovery.cluster_policy import ClusterPolicy
from loop.discovery.clustering import cluster
from loop.discovery.gather import UnknownBoxes, gather, read_references
from loop.discovery.hints import find_likely_members, make_cluster_id, make_hint
from loop.discovery.neighbour_graph import NOISE
from loop.discovery.pictures import draw
from loop.discovery.room import DiscoveryRoom
from loop.discovery.spread import spread_queue
from loop.discovery.tracking import UnknownCluster, track
from loop.errors import MilvusDown, UpstreamError
from loop.notices import NoticeKind
from loop.references.plan import find_source
from loop.vision.embedding import Space

LIKELY = 500  # likely members stored per cluster


def ask_all(discovery: DiscoveryRoom) -> str:
    """Ask for a discovery in every project, if boxes are embedded. Raises UpstreamError; the schedule asks again."""
    if discovery.vision.embedders.is_off:
        return "nothing is embedded"
    projects = [project.id for project in discovery.studio.projects.all()]
    for project_id in projects:
        discovery.queue.ask_discover(project_id)
    return f"asked: discover {projects}"


def discover(discovery: DiscoveryRoom, project_id: int, policy: ClusterPolicy | None = None) -> str:
    """
    Cluster the unknown of a project, replace its open clusters, and return a summary.

    It embeds no boxes: a box without a vector takes part in the next discovery. Dismissed clusters do not come back. A
    cluster keeps its id while it is mostly the same. Pictures are written before the records. At the end, the queue is
    spread over groups of tasks with similar objects.
    """
    source = find_source(discovery.references, project_id)
    if source is None:
        return "nothing to embed with: no weights yet, or LOOP_EMBEDDER=none"
    with _one_thread():
        try:
            summary = _discover(discovery, project_id, source.space, policy or ClusterPolicy())
        except MilvusDown as error:
            return str(error)
        try:
            spread_summary = spread_queue(discovery, project_id, source.space)
        except UpstreamError as error:
            spread_summary = str(error)
    return f"{summary}; {spread_summary}" if spread_summary else summary


def _discover(discovery: DiscoveryRoom, project_id: int, space: Space, policy: ClusterPolicy) -> str:
    unknown = gather(discovery, project_id, space)
    count = len(unknown.members)
    if count < max(3, policy.least(count)):
        discovery.clusters.replace(project_id, [], {})
        _remove_old_sheets(discovery, project_id)
        return f"{count} unknown boxes are too few for a cluster"
    before = discovery.clusters.members(project_id)
    result = track(_find_clusters(discovery, project_id, space, unknown, policy), before)
    broken = draw(discovery, project_id, result.shown, unknown)
    discovery.clusters.replace(project_id, result.shown, result.dismissed)
    _remove_old_sheets(discovery, project_id)
    _announce(discovery, project_id, [cluster for cluster in result.shown if cluster.id not in before.open])
    inside = sum(cluster.size for cluster in result.shown)
    lines = [f"{len(result.shown)} clusters of {inside} among {count} unknown boxes"]
    lines += [f"the {unknown.left_out} least sure left out"] if unknown.left_out else []
    lines += [f"{unknown.matched} match a node now"] if unknown.matched else []
    lines += [f"{len(result.dismissed)} dismissed clusters left out"] if result.dismissed else []
    lines += [f"{broken} images could not be read"] if broken else []
    return ", ".join([*lines, str(discovery.pictures.path(project_id))])


def _find_clusters(
    discovery: DiscoveryRoom, project_id: int, space: Space, unknown: UnknownBoxes, policy: ClusterPolicy
) -> list[UnknownCluster]:
    """Cluster the unknown, and make a hint about each cluster."""
    references = read_references(discovery, project_id, space)
    clustering = cluster(unknown.vectors, policy, references=references.vectors)
    if not clustering.clusters and references.vectors is not None:
        clustering = cluster_beside(unknown.vectors, references.vectors, policy)
    nearest = find_likely_members(unknown.vectors, clustering.labels)
    labels = [member.label for member in unknown.members]
    clusters = []
    for label, group in enumerate(clustering.clusters):
        members = tuple(
            unknown.members[at] for at in (group.medoid, *(at for at in group.members if at != group.medoid))
        )
        near = (nearest == label) & (clustering.labels == NOISE)
        likely = tuple(unknown.members[at] for at in near.nonzero()[0][:LIKELY])
        hint = make_hint(group, unknown.vectors, references.means, labels)
        cluster_id = make_cluster_id([member.key for member in members])
        clusters.append(UnknownCluster(cluster_id, members, likely, group.persistence, group.stability, hint))
    return clusters


def _remove_old_sheets(discovery: DiscoveryRoom, project_id: int) -> None:
    """Remove the sheets of clusters that no longer exist."""
    cluster_ids = {record.cluster.id for record in discovery.clusters.all(project_id)}
    discovery.pictures.remove_other_sheets(project_id, cluster_ids)


def _announce(discovery: DiscoveryRoom, project_id: int, new: Sequence[UnknownCluster]) -> None:
    """Post one notice about the clusters that were not open before."""
    if not new:
        return
    summaries = [{"id": cluster.id, "size": cluster.size, "suggested": cluster.hint.name} for cluster in new]
    key = hashlib.sha256(",".join(sorted(cluster.id for cluster in new)).encode()).hexdigest()
    discovery.outbox.post(project_id, NoticeKind.CLUSTERS_FOUND, key, {"clusters": summaries})


@contextmanager
def _one_thread() -> Iterator[None]:
    """
    Limit OpenMP and BLAS to one thread.

    On a machine with busy cores, for instance during a training, several threads that spin while waiting are far slower
    than one: t-SNE of 515 vectors took 88 s with two, 4 s with one.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield
