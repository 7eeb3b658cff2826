"""The clusters of a project as a person sees them, with the names and parents to choose from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from loop.discovery.cluster_record import ClusterRecord, ClusterState
from loop.discovery.gather import taxonomy_of
from loop.discovery.room import DiscoveryRoom
from loop.discovery.tracking import Member
from loop.taxonomy.taxonomy import Taxonomy

STABLE, DISSOLVES = 0.75, 0.5  # of a cluster's stability, after C. Hennig


@dataclass(frozen=True, slots=True)
class ClusterCard:
    """
    One cluster in a list.

    *name* is that of its category, once it has one. *suggested* is the most frequent label of its members, *agreement*
    its share; *nearest* is the node whose references are most like it. *has_sheet* is False where the picture of its
    crops is gone.
    """

    id: str
    state: ClusterState
    decision: str
    name: str
    size: int
    likely: int
    tasks: int
    stability: float
    suggested: str
    agreement: float
    nearest: str
    likeness: float
    found_at: datetime
    decided_at: datetime | None
    has_sheet: bool

    @property
    def firmness(self) -> str:
        """How much the cluster depends on chance."""
        if self.stability > STABLE:
            return "stable"
        return "comes and goes" if self.stability >= DISSOLVES else "mostly chance"


@dataclass(frozen=True, slots=True)
class ParentChoice:
    """A node that a new category can stand under, with its path of names."""

    id: str
    path: str


@dataclass(frozen=True, slots=True)
class ClustersPage:
    """The *open* clusters, the largest first, and the *decided* ones, the last decision first."""

    open: tuple[ClusterCard, ...]
    decided: tuple[ClusterCard, ...]
    parents: tuple[ParentChoice, ...]
    names: tuple[str, ...]
    found_at: datetime | None
    has_map: bool


@dataclass(frozen=True, slots=True)
class ClusterPage:
    """One cluster with some of its members, then *likely* ones; *first* is the number of those left out before them."""

    card: ClusterCard
    members: tuple[Member, ...]
    likely: tuple[Member, ...]
    first: int
    parents: tuple[ParentChoice, ...]
    names: tuple[str, ...]


def read_clusters(discovery: DiscoveryRoom, project_id: int) -> ClustersPage:
    """Read the page of all clusters of a project."""
    records = discovery.clusters.all(project_id)
    cards = [_make_card(discovery, project_id, record) for record in records]
    decided = [card for card in cards if card.state != ClusterState.OPEN]
    taxonomy = taxonomy_of(discovery, project_id)
    return ClustersPage(
        open=tuple(card for card in cards if card.state == ClusterState.OPEN),
        decided=tuple(sorted(decided, key=lambda card: card.decided_at or card.found_at, reverse=True)),
        parents=list_parents(taxonomy),
        names=_list_names(discovery, project_id, taxonomy),
        found_at=max((card.found_at for card in cards), default=None),
        has_map=discovery.pictures.map_path(project_id).exists(),
    )


def read_cluster(discovery: DiscoveryRoom, project_id: int, cluster: str, first: int, most: int) -> ClusterPage:
    """Read the page of one cluster with at most *most* of its members, from the one numbered *first*, from 0."""
    record = discovery.clusters.find(project_id, cluster)
    taxonomy = taxonomy_of(discovery, project_id)
    members, likely = record.cluster.members, record.cluster.likely
    return ClusterPage(
        card=_make_card(discovery, project_id, record),
        members=members[first : first + most],
        likely=likely[max(0, first - len(members)) : max(0, first + most - len(members))],
        first=first,
        parents=list_parents(taxonomy),
        names=_list_names(discovery, project_id, taxonomy),
    )


def list_parents(taxonomy: Taxonomy) -> tuple[ParentChoice, ...]:
    """Return all nodes with their paths of names, in the order of the paths."""
    paths = (
        ParentChoice(node.id, " / ".join(taxonomy.by_id[above].name for above in taxonomy.path(node.id)))
        for node in taxonomy.nodes
    )
    return tuple(sorted(paths, key=lambda choice: choice.path.casefold()))


def _list_names(discovery: DiscoveryRoom, project_id: int, taxonomy: Taxonomy) -> tuple[str, ...]:
    """Return the labels of the label config, and the names of the nodes."""
    labels = discovery.studio.projects.get(project_id).config().label_names
    return tuple(sorted({*labels, *(node.name for node in taxonomy.nodes)}, key=str.casefold))


def _make_card(discovery: DiscoveryRoom, project_id: int, record: ClusterRecord) -> ClusterCard:
    cluster, hint = record.cluster, record.cluster.hint
    return ClusterCard(
        id=cluster.id,
        state=record.state,
        decision=record.describe_state(),
        name=record.name,
        size=cluster.size,
        likely=len(cluster.likely),
        tasks=len(cluster.tasks),
        stability=cluster.stability,
        suggested=hint.name,
        agreement=hint.agreement,
        nearest=hint.nearest or "",
        likeness=hint.likeness,
        found_at=record.found_at,
        decided_at=record.decided_at,
        has_sheet=discovery.pictures.sheet_path(project_id, cluster.id).exists(),
    )
