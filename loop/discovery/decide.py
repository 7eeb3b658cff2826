"""Applies the decision of a person about a cluster of the unknown: it is a category, or it is dismissed."""

from __future__ import annotations

from dataclasses import dataclass, replace

from loop.discovery.cluster_store import ClusterState, KeptCluster
from loop.discovery.gather import taxonomy_of
from loop.discovery.room import DiscoveryRoom
from loop.errors import ClusterDecided
from loop.label_studio.label_config_edit import with_label
from loop.label_studio.views import ViewChange, put_view, show_tasks
from loop.taxonomy.name_category import Named, name_category

NOTHING = "nothing to change"
MOST_IN_VIEW = 200  # tasks; each is a condition of the view's filter


@dataclass(frozen=True, slots=True)
class Asked:
    """A cluster with the category that a person gives it; *was_here* is True if it was promoted to it before."""

    kept: KeptCluster
    named: Named
    was_here: bool


def dismiss(discovery: DiscoveryRoom, project_id: int, cluster: str) -> str:
    """
    Dismiss a cluster; *cluster* is an id or its beginning.

    Later clusters that mostly consist of its members stay hidden too. Raises UnknownClusterId, and ClusterDecided if it
    was promoted.
    """
    kept = discovery.clusters.find(project_id, cluster)
    if kept.state == ClusterState.DISMISSED:
        return f"cluster {kept.found.id} was dismissed before"
    if kept.state == ClusterState.PROMOTED:
        raise ClusterDecided(kept.found.id, f"was promoted to {kept.name}")
    discovery.clusters.dismiss(project_id, kept.found.id)
    return f"cluster {kept.found.id} with {kept.found.size} boxes does not come back"


def promote(discovery: DiscoveryRoom, project_id: int, cluster: str, name: str, parent: str | None = None) -> list[str]:
    """
    Make a cluster a category; return the changes, one line each.

    The cluster becomes a node under *parent*. Its members become references, its name a label of the project's label
    config, and its tasks a view. The decision is recorded first; after a kill, the same call does the missing steps.
    Raises TaxonomyError, LabelConfigError, UnknownClusterId, ClusterDecided, or UpstreamError because Label Studio does
    not answer or refuses the label; then nothing is changed.
    """
    asked = _check(discovery, project_id, cluster, name, parent)
    _validate(discovery, project_id, asked.named.label)
    changed = []
    if not asked.was_here:
        discovery.clusters.promote(project_id, asked.kept, asked.named.label, discovery.studio.client.now())
        changed.append(f"{asked.kept.found.size} boxes of cluster {asked.kept.found.id} are {asked.named.label}")
    changed += _apply(discovery, project_id, asked)
    changed += _label(discovery, project_id, asked.named.label)
    changed += _view(discovery, project_id, asked)
    discovery.vision.ask_vectors(project_id)
    return changed or [f"cluster {asked.kept.found.id} is {asked.kept.name} already: {NOTHING}"]


def _check(discovery: DiscoveryRoom, project_id: int, cluster: str, name: str, parent: str | None) -> Asked:
    """Check a requested promotion against the cluster and the taxonomy."""
    kept = discovery.clusters.find(project_id, cluster)
    if kept.state == ClusterState.DISMISSED:
        raise ClusterDecided(kept.found.id, "was dismissed")
    was_here = kept.state == ClusterState.PROMOTED
    if was_here and (kept.name != name.strip() or parent not in (None, kept.parent)):
        under = f" under {kept.parent}" if kept.parent else ""
        raise ClusterDecided(kept.found.id, f"was promoted to {kept.name}{under}")
    taxonomy = taxonomy_of(discovery, project_id)
    if was_here:  # the node may have been moved since, and stays where it is
        parent = None if kept.node in taxonomy.by_id else kept.parent
    named = name_category(taxonomy, name, parent)
    cluster_to_promote = kept if was_here else replace(kept, name=name.strip(), parent=parent, node=named.node)
    return Asked(cluster_to_promote, named, was_here)


def _validate(discovery: DiscoveryRoom, project_id: int, label: str) -> None:
    """Ask Label Studio whether it accepts the label."""
    current = discovery.studio.client.project(project_id).label_config
    wanted = with_label(current, label)
    if wanted != current:
        discovery.studio.client.validate_config(project_id, wanted)


def _apply(discovery: DiscoveryRoom, project_id: int, asked: Asked) -> list[str]:
    """Apply the taxonomy with the new category."""
    named, lines = asked.named, list[str]()
    if discovery.taxonomies.store.current(project_id) is None:
        lines = [f"began a taxonomy with the {len(taxonomy_of(discovery, project_id).nodes)} labels of the project"]
    number = discovery.taxonomies.store.apply(
        project_id, named.taxonomy, f"cluster {asked.kept.found.id} is {asked.kept.name}"
    )
    if number is None:
        return []
    discovery.taxonomies.matches.show_again(project_id)
    return [*lines, f"node {' / '.join(named.taxonomy.path(named.node))} is in taxonomy {number}"]


def _label(discovery: DiscoveryRoom, project_id: int, label: str) -> list[str]:
    """Add the label to Label Studio's current label config, and record the config."""
    project = discovery.studio.client.project(project_id)
    wanted = with_label(project.label_config, label)
    changed = wanted != project.label_config
    if changed:
        discovery.studio.client.update_project(project_id, label_config=wanted)
    discovery.studio.projects.save(project_id, project.title, wanted)
    return [f"added the label {label} to the label config"] if changed else []


def _view(discovery: DiscoveryRoom, project_id: int, asked: Asked) -> list[str]:
    """Show the tasks of all clusters promoted to the category in a view of the Data Manager."""
    clusters = discovery.clusters.promoted_to(project_id, asked.named.node)
    tasks = list(dict.fromkeys(task for one in clusters for task in one.found.tasks))[:MOST_IN_VIEW]
    title = f"Likely {asked.named.label}"
    change = put_view(discovery.studio.client, project_id, show_tasks(title, tasks))
    if change == ViewChange.ADDED:
        return [f"added the view “{title}” with {len(tasks)} tasks"]
    return [f"the view “{title}” shows {len(tasks)} tasks"] if change == ViewChange.CHANGED else []
