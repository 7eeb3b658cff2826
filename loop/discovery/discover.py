"""Finds new categories among the unknown boxes of a project."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from loop.discovery.beside_references import cluster_beside
from loop.discovery.clustering import ClusterPolicy, cluster
from loop.discovery.gather import Unknown, gather, known
from loop.discovery.hints import cluster_id, likely_members, suggest
from loop.discovery.neighbour_graph import NOISE
from loop.discovery.pictures import draw
from loop.discovery.room import DiscoveryRoom
from loop.discovery.spread import spread
from loop.discovery.tracking import UnknownCluster, outcome
from loop.errors import MilvusDown, UpstreamError
from loop.notices import NoticeKind
from loop.references.plan import source_of
from loop.vision.embedding import Space

LIKELY = 500  # likely members stored per cluster


def ask_all(discovery: DiscoveryRoom) -> str:
    """Ask for a discovery in every project, if anything is embedded. Raises UpstreamError; the schedule asks again."""
    if discovery.vision.embedders.is_off:
        return "nothing is embedded"
    projects = [project.id for project in discovery.studio.projects.all()]
    for project_id in projects:
        discovery.queue.ask_discover(project_id)
    return f"asked: discover {projects}"


def discover(discovery: DiscoveryRoom, project_id: int, policy: ClusterPolicy | None = None) -> str:
    """
    Cluster the unknown of a project, replace its open clusters, and return a summary.

    No box is embedded here; a box without a vector takes part the next time. Dismissed clusters do not come back. A
    cluster keeps its id while it is mostly the same. Pictures are written before the records. At the end the queue is
    spread over groups of tasks with similar objects.
    """
    source = source_of(discovery.references, project_id)
    if source is None:
        return "nothing to embed with: no weights yet, or LOOP_EMBEDDER=none"
    with _one_thread():
        try:
            summary = _discover(discovery, project_id, source.space, policy or ClusterPolicy())
        except MilvusDown as error:
            return str(error)
        try:
            spread_summary = spread(discovery, project_id, source.space)
        except UpstreamError as error:
            spread_summary = str(error)
    return f"{summary}; {spread_summary}" if spread_summary else summary


def _discover(discovery: DiscoveryRoom, project_id: int, space: Space, policy: ClusterPolicy) -> str:
    unknown = gather(discovery, project_id, space)
    count = len(unknown.members)
    if count < max(3, policy.least(count)):
        discovery.clusters.replace(project_id, [], {})
        _tidy(discovery, project_id)
        return f"{count} unknown boxes are too few for a cluster"
    before = discovery.clusters.decided(project_id)
    result = outcome(_clusters(discovery, project_id, space, unknown, policy), before)
    broken = draw(discovery, project_id, result.shown, unknown)
    discovery.clusters.replace(project_id, result.shown, result.dismissed)
    _tidy(discovery, project_id)
    _announce(discovery, project_id, [shown for shown in result.shown if shown.id not in before.open])
    inside = sum(shown.size for shown in result.shown)
    lines = [f"{len(result.shown)} clusters of {inside} among {count} unknown boxes"]
    lines += [f"the {unknown.left_out} least sure left out"] if unknown.left_out else []
    lines += [f"{unknown.matched} match a node by now"] if unknown.matched else []
    lines += [f"{len(result.dismissed)} dismissed ones left out"] if result.dismissed else []
    lines += [f"{broken} images could not be had"] if broken else []
    return ", ".join([*lines, str(discovery.pictures.path(project_id))])


def _clusters(
    discovery: DiscoveryRoom, project_id: int, space: Space, unknown: Unknown, policy: ClusterPolicy
) -> list[UnknownCluster]:
    """Cluster the unknown, and describe each cluster."""
    references = known(discovery, project_id, space)
    clustering = cluster(unknown.vectors, policy, references=references.vectors)
    if not clustering.clusters and references.vectors is not None:
        clustering = cluster_beside(unknown.vectors, references.vectors, policy)
    attached = likely_members(unknown.vectors, clustering.labels)
    names = [member.label for member in unknown.members]
    clusters = []
    for label, group in enumerate(clustering.clusters):
        members = tuple(
            unknown.members[at] for at in (group.medoid, *(at for at in group.members if at != group.medoid))
        )
        near = (attached == label) & (clustering.labels == NOISE)
        likely = tuple(unknown.members[at] for at in near.nonzero()[0][:LIKELY])
        hint = suggest(group, unknown.vectors, references.means, names)
        name = cluster_id([member.key for member in members])
        clusters.append(UnknownCluster(name, members, likely, group.persistence, group.stability, hint))
    return clusters


def _tidy(discovery: DiscoveryRoom, project_id: int) -> None:
    """Remove the sheets of clusters that no longer exist."""
    discovery.pictures.tidy(project_id, {one.found.id for one in discovery.clusters.all(project_id)})


def _announce(discovery: DiscoveryRoom, project_id: int, new: Sequence[UnknownCluster]) -> None:
    """Post one notice of the clusters that were not open before."""
    if not new:
        return
    summaries = [{"id": one.id, "size": one.size, "suggested": one.suggestion.name} for one in new]
    key = hashlib.sha256(",".join(sorted(one.id for one in new)).encode()).hexdigest()
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
