"""Applies a person's decision about a cluster of the unknown: promote it to a category, or dismiss it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from shlex import quote

from loop.discovery.cluster_record import ClusterRecord, ClusterState, GivenLabel
from loop.discovery.gather import choose_unlabelled, taxonomy_of
from loop.discovery.room import DiscoveryRoom
from loop.errors import ClusterDecided, LabelConfigError
from loop.label_studio.classes import name_today
from loop.label_studio.label_config_edit import with_label
from loop.label_studio.views import ViewChange, put_tasks, shows_tasks
from loop.taxonomy.editing.categories import NamedCategory, name_category

NOTHING = "nothing to change"


@dataclass(frozen=True, slots=True)
class Promotion:
    """A cluster with the category that a person gives it; *is_repeated* is True if it was promoted before."""

    record: ClusterRecord
    category: NamedCategory
    is_repeated: bool
    given: GivenLabel


def dismiss(discovery: DiscoveryRoom, project_id: int, cluster: str) -> str:
    """
    Dismiss a cluster; *cluster* is an id or its beginning.

    Later clusters that mostly consist of its members stay hidden too. Raises NoSuchCluster, and
    ClusterDecided if it was promoted.
    """
    record = discovery.clusters.find(project_id, cluster)
    if record.state == ClusterState.DISMISSED:
        return f"cluster {record.cluster.id} was dismissed before"
    if record.state != ClusterState.OPEN:
        raise ClusterDecided(record.cluster.id, f"was {record.describe_state()}")
    discovery.clusters.dismiss(project_id, record.cluster.id)
    return f"cluster {record.cluster.id} with {record.cluster.size} boxes does not come back"


def promote(discovery: DiscoveryRoom, project_id: int, cluster: str, name: str, parent: str | None = None) -> list[str]:
    """
    Make a cluster a category; return the changes, one line each.

    The cluster becomes a node under *parent*. Its members become references, its name a label of the project's label
    config, and its tasks a view. A member that a review has labelled meanwhile keeps that label. Nothing is changed if
    it raises TaxonomyError, LabelConfigError, NoSuchCluster, ClusterDecided, or Refused because Label Studio refuses
    the label. The decision is recorded first: after a kill, or UpstreamError because Label Studio does not answer, the
    same call does the missing steps.
    """
    promotion = _check(discovery, project_id, cluster, name, parent)
    record, label = promotion.record, promotion.category.label
    given = replace(promotion.given, adds_label=_validate_label(discovery, project_id, label))
    changes = []
    if not promotion.is_repeated:
        members = choose_unlabelled(discovery, project_id, record.cluster.members)
        discovery.clusters.promote(project_id, record, given, discovery.studio.client.now(), members)
        changes.append(f"{len(members)} boxes of cluster {record.cluster.id} are {label}")
        if labelled := record.cluster.size - len(members):
            changes.append(f"{labelled} more have a label by a review since, and keep it")
    changes += _apply_taxonomy(discovery, project_id, promotion)
    changes += _add_label(discovery, project_id, label, f"cluster {record.cluster.id} is {record.name}")
    changes += update_view(discovery, project_id, promotion.category.node, label)
    discovery.vision.ask_vectors(project_id)
    return changes or [f"cluster {record.cluster.id} is {record.name} already: {NOTHING}"]


def _check(discovery: DiscoveryRoom, project_id: int, cluster: str, name: str, parent: str | None) -> Promotion:
    """Check a requested promotion against the cluster and the taxonomy."""
    record = discovery.clusters.find(project_id, cluster)
    if record.state in (ClusterState.DISMISSED, ClusterState.UNDOING):
        raise ClusterDecided(record.cluster.id, f"was {record.describe_state()}")
    is_repeated = record.state == ClusterState.PROMOTED
    if is_repeated and (record.name != name.strip() or parent not in (None, record.parent)):
        under = f" under {record.parent}" if record.parent else ""
        raise ClusterDecided(record.cluster.id, f"was promoted to {record.name}{under}")
    taxonomy = taxonomy_of(discovery, project_id)
    known = record.node if is_repeated and record.node in taxonomy.by_id else None
    if is_repeated:  # the node may have been moved since, and stays where it is
        parent = None if known else record.parent
    category = name_category(taxonomy, name, parent, known=known)
    config = discovery.studio.projects.get(project_id).config()
    if category.label != name.strip():  # the label of a node that was found by its id or title
        category = replace(category, label=name_today(config, [category.label])[category.label])
    if category.label not in config.label_names:  # the config may have it with other white space around it
        alike = (label for label in config.label_names if label.strip() == category.label.strip())
        category = replace(category, label=next(alike, category.label))
    if not is_repeated:
        _check_class(discovery, project_id, category.label)
        record = replace(record, name=name.strip(), parent=parent, node=category.node)
    is_new_node, is_new_label = category.node not in taxonomy.by_id, category.label not in taxonomy.node_of_label
    given = GivenLabel(category.label, adds_node=is_new_node, adds_node_label=is_new_label)
    return Promotion(record, category, is_repeated, given)


def _check_class(discovery: DiscoveryRoom, project_id: int, label: str) -> None:
    """Raise LabelConfigError for the label of a retired class, from whose boxes no version learns."""
    labels = discovery.studio.classes.book(project_id).labels(())
    if label in labels.retired:
        name = labels.names[labels.ids[label]]
        again = f"loop dataset retire-class {quote(name)} --project {project_id} --undo"
        raise LabelConfigError("name", f"a class that is not retired; `{again}` takes its boxes in again", label)


def _validate_label(discovery: DiscoveryRoom, project_id: int, label: str) -> bool:
    """
    Ask Label Studio whether it accepts the label; return whether it is new.

    Raises LabelConfigError for a new label that is a former name of a class, or differs from a name in case alone.
    """
    current = discovery.studio.client.project(project_id).label_config
    wanted = with_label(current, label)
    if wanted != current:
        if other := discovery.studio.classes.book(project_id).find_other_name(label):
            expected = f"{other}, the class that has or had this name up to case, or a name that no class has or had"
            raise LabelConfigError("name", expected, label)
        discovery.studio.client.validate_config(project_id, wanted)
    return wanted != current


def _apply_taxonomy(discovery: DiscoveryRoom, project_id: int, promotion: Promotion) -> list[str]:
    """Put the taxonomy with the new category in force; return the changes."""
    record, category, lines = promotion.record, promotion.category, list[str]()
    if discovery.taxonomies.store.current(project_id) is None:
        lines = [f"began a taxonomy with the {len(taxonomy_of(discovery, project_id).nodes)} labels of the project"]
    why = f"cluster {record.cluster.id} is {record.name}"
    number = discovery.taxonomies.store.apply(project_id, category.taxonomy, why)
    if number is None:
        return []
    discovery.taxonomies.matches.show_again(project_id)
    return [*lines, f"node {' / '.join(category.taxonomy.path(category.node))} is in taxonomy {number}"]


def _add_label(discovery: DiscoveryRoom, project_id: int, label: str, why: str) -> list[str]:
    """Add the label to Label Studio's current label config, and record the config; return the changes."""
    project = discovery.studio.client.project(project_id)
    wanted = with_label(project.label_config, label)
    is_new = wanted != project.label_config
    if is_new:
        discovery.studio.client.update_project(project_id, label_config=wanted)
    discovery.studio.projects.save(project_id, project.title, wanted, why)
    return [f"added the label {label} to the label config"] if is_new else []


def update_view(discovery: DiscoveryRoom, project_id: int, node: str, label: str) -> list[str]:
    """
    Show the tasks of all clusters promoted to a node in a Data Manager view; return the changes.

    Without such a cluster the view is deleted, unless a person has given it other filters.
    """
    records = discovery.clusters.find_promoted(project_id, node)
    title = f"Likely {label}"
    if not records:
        return _delete_view(discovery, project_id, title)
    tasks = [task for record in records for task in record.cluster.tasks]
    change, line = put_tasks(discovery.studio.client, project_id, title, tasks)
    return [] if change == ViewChange.NOTHING else [line]


def _delete_view(discovery: DiscoveryRoom, project_id: int, title: str) -> list[str]:
    view = next((view for view in discovery.studio.client.views(project_id) if view.title == title), None)
    if view is None:
        return []
    if not shows_tasks(view):
        return [f"the view “{title}” stays: it has other filters"]
    discovery.studio.client.delete_view(view.id)
    return [f"deleted the view “{title}”"]
