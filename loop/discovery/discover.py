"""Find categories among what nothing has a name for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from loop.discovery.beside_references import cluster_beside
from loop.discovery.clustering import ClusterPolicy, cluster
from loop.discovery.gather import Unknown, gather, known
from loop.discovery.hints import cluster_id, likely_members, suggest
from loop.discovery.neighbour_graph import NOISE
from loop.discovery.pictures import draw
from loop.discovery.spread import spread
from loop.discovery.threads import one_thread
from loop.discovery.tracking import UnknownCluster, outcome
from loop.errors import MilvusDown, UpstreamError
from loop.notices import Kind
from loop.parts import Parts
from loop.references.plan import source_of
from loop.vision.embedding import Space

LIKELY = 500  # likely members kept of a cluster


def ask_all(parts: Parts) -> str:
    """Ask for a discovery in every project, if anything is embedded. Raises UpstreamError; the schedule asks again."""
    if parts.embedders.is_off:
        return "nothing is embedded"
    projects = [project.id for project in parts.projects.all()]
    for project_id in projects:
        parts.queue.ask_discover(project_id)
    return f"asked: discover {projects}"


def discover(parts: Parts, project_id: int, policy: ClusterPolicy | None = None) -> str:
    """
    Cluster the unknown of a project, in the place of the clusters that nobody decided on; say what was found.

    Nothing is embedded for it: what has no vector yet takes part the next time. What was dismissed does not come back,
    and a cluster keeps its id while it is mostly the same. Pictures are written before the records. At the end the
    queue is spread over groups of tasks that show like things.
    """
    source = source_of(parts, project_id)
    if source is None:
        return "nothing to embed with: no weights yet, or LOOP_EMBEDDER=none"
    with one_thread():
        try:
            said = _discovered(parts, project_id, source.space, policy or ClusterPolicy())
        except MilvusDown as error:
            return str(error)
        try:
            spreading = spread(parts, project_id, source.space)
        except UpstreamError as error:
            spreading = str(error)
    return f"{said}; {spreading}" if spreading else said


def _discovered(parts: Parts, project_id: int, space: Space, policy: ClusterPolicy) -> str:
    unknown = gather(parts, project_id, space)
    count = len(unknown.members)
    if count < max(3, policy.least(count)):
        parts.clusters.replace(project_id, [], {})
        _tidy(parts, project_id)
        return f"{count} unknown boxes are too few for a cluster"
    before = parts.clusters.decided(project_id)
    found = outcome(_clusters(parts, project_id, space, unknown, policy), before)
    broken = draw(parts, project_id, found.shown, unknown)
    parts.clusters.replace(project_id, found.shown, found.dismissed)
    _tidy(parts, project_id)
    _announce(parts, project_id, [one for one in found.shown if one.id not in before.open])
    inside = sum(one.size for one in found.shown)
    lines = [f"{len(found.shown)} clusters of {inside} among {count} unknown boxes"]
    lines += [f"the {unknown.left_out} least sure left out"] if unknown.left_out else []
    lines += [f"{unknown.matched} match a node by now"] if unknown.matched else []
    lines += [f"{len(found.dismissed)} dismissed ones left out"] if found.dismissed else []
    lines += [f"{broken} images could not be had"] if broken else []
    return ", ".join([*lines, str(parts.discoveries.path(project_id))])


def _clusters(
    parts: Parts, project_id: int, space: Space, unknown: Unknown, policy: ClusterPolicy
) -> list[UnknownCluster]:
    """Cluster the unknown, and describe each cluster."""
    references = known(parts, project_id, space)
    found = cluster(unknown.vectors, policy, references=references.vectors)
    if not found.clusters and references.vectors is not None:
        found = cluster_beside(unknown.vectors, references.vectors, policy)
    attached = likely_members(unknown.vectors, found.labels)
    names = [one.label for one in unknown.members]
    clusters = []
    for label, one in enumerate(found.clusters):
        members = tuple(unknown.members[at] for at in (one.medoid, *(at for at in one.members if at != one.medoid)))
        near = (attached == label) & (found.labels == NOISE)
        likely = tuple(unknown.members[at] for at in near.nonzero()[0][:LIKELY])
        hint = suggest(one, unknown.vectors, references.means, names)
        name = cluster_id([member.key for member in members])
        clusters.append(UnknownCluster(name, members, likely, one.persistence, one.stability, hint))
    return clusters


def _tidy(parts: Parts, project_id: int) -> None:
    """Keep the sheets of the clusters that there are."""
    parts.discoveries.tidy(project_id, {one.found.id for one in parts.clusters.all(project_id)})


def _announce(parts: Parts, project_id: int, new: Sequence[UnknownCluster]) -> None:
    """Tell others of the clusters that were not open before, once."""
    if not new:
        return
    told = [{"id": one.id, "size": one.size, "suggested": one.suggestion.name} for one in new]
    key = hashlib.sha256(",".join(sorted(one.id for one in new)).encode()).hexdigest()
    parts.outbox.post(project_id, Kind.CLUSTERS_FOUND, key, {"clusters": told})
