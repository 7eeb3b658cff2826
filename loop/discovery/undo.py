"""Undoes the decision of a person about a cluster: a promotion with all that it added, or a dismissal."""

from __future__ import annotations

from contextlib import suppress

from loop.discovery.cluster_record import ClusterRecord, ClusterState, GivenLabel
from loop.discovery.decide import NOTHING, update_view
from loop.discovery.room import DiscoveryRoom
from loop.errors import LabelConfigError, Refused, UpstreamError
from loop.label_studio.label_config_edit import without_label
from loop.references.plan import find_source
from loop.taxonomy.editing.categories import without_category

BAD_REQUEST = 400  # Label Studio's answer to a label config that does not fit the annotations


def undo(discovery: DiscoveryRoom, project_id: int, cluster: str, why: str) -> list[str]:
    """
    Undo the decision about a cluster, which is open again then; return the changes, one line each.

    The boxes of a promoted cluster lose the name, so they are no references any more. The label, the node and the view
    go if the promotion added them and no other cluster has the node. A label that any review has stays with its node:
    no review changes. The taxonomy that a first promotion began stays, too. Open tasks lose the label by references
    with the next match job. The decision is recorded first: after a kill, or UpstreamError because Label Studio does
    not answer, the same call does the missing steps. Raises NoSuchCluster.
    """
    record = discovery.clusters.find(project_id, cluster)
    cluster_id = record.cluster.id
    if record.state == ClusterState.OPEN:
        return [f"cluster {cluster_id} is open: {NOTHING}"]
    opened = f"cluster {cluster_id} with {record.cluster.size} boxes is open again"
    if record.state == ClusterState.DISMISSED:
        discovery.clusters.reopen(project_id, cluster_id, why)
        return [opened]
    undone = discovery.clusters.begin_undo(project_id, cluster_id, why)
    label = undone.given.label if undone.given else undone.name
    changes = [f"the boxes of cluster {cluster_id} are not {label} any more"]
    changes += _take_back(discovery, project_id, undone, f"cluster {cluster_id} is not {undone.name}: {why}")
    changes += update_view(discovery, project_id, undone.node, label)
    discovery.clusters.finish_undo(project_id, undone)
    discovery.vision.ask_vectors(project_id)
    with suppress(UpstreamError):  # the sweep asks again
        discovery.queue.ask_match(project_id)
    return [*changes, opened, *_describe_matches(discovery, project_id, undone)]


def _take_back(discovery: DiscoveryRoom, project_id: int, record: ClusterRecord, why: str) -> list[str]:
    """Take back the label and the node that a promotion added, if nobody else needs them; return the changes."""
    given, lines = record.given or GivenLabel(record.name), list[str]()
    reason = _find_use(discovery, project_id, record, given)
    if not reason and given.adds_label:
        try:
            lines = _remove_label(discovery, project_id, given.label, why)
        except LabelConfigError as error:
            reason = str(error)
        except Refused as error:
            if error.status != BAD_REQUEST:
                raise
            reason = str(error)
    if reason:
        return [f"the label {given.label} and its node stay: {reason}"]
    lines += [] if given.adds_label else [f"the label {given.label} stays: it was there before"]
    return lines + _remove_node(discovery, project_id, record.node, given, why)


def _find_use(discovery: DiscoveryRoom, project_id: int, record: ClusterRecord, given: GivenLabel) -> str:
    """Return why the category of a cluster stays, whatever Label Studio says; empty if it may go."""
    if others := discovery.clusters.find_promoted(project_id, record.node):
        return f"{record.name} is also the name of {', '.join(other.cluster.id for other in others)}"
    if record.given is None:
        return "an older version promoted it, and did not note whether they were there before"
    if not (given.adds_label or given.adds_node_label):
        return "they were there before"
    use = discovery.reviews.label_uses.count(project_id, given.label)
    return f"{use.boxes} reviewed boxes on {use.tasks} tasks have the label" if use.boxes else ""


def _remove_label(discovery: DiscoveryRoom, project_id: int, label: str, why: str) -> list[str]:
    """
    Remove the label from Label Studio's current label config, and record the config; return the changes.

    Raises LabelConfigError, and Refused if an annotation or a draft in Label Studio has the label.
    """
    project = discovery.studio.client.project(project_id)
    wanted = without_label(project.label_config, label)
    is_there = wanted != project.label_config
    if is_there:
        discovery.studio.client.validate_config(project_id, wanted)
        discovery.studio.client.update_project(project_id, label_config=wanted)
    discovery.studio.projects.save(project_id, project.title, wanted, why)
    return [f"removed the label {label} from the label config"] if is_there else []


def _remove_node(discovery: DiscoveryRoom, project_id: int, node_id: str, given: GivenLabel, why: str) -> list[str]:
    """Put the taxonomy without the category in force; return the changes."""
    taxonomy = discovery.taxonomies.store.current(project_id)
    if taxonomy is None or not given.adds_node_label:
        return []
    without = without_category(taxonomy, node_id, given.label, is_node_added=given.adds_node)
    number = discovery.taxonomies.store.apply(project_id, without, why)
    if number is None:
        return []
    discovery.taxonomies.matches.show_again(project_id)
    if node_id in without.by_id:
        return [f"node {node_id} has no label {given.label} any more in taxonomy {number}: other things are in it"]
    return [f"node {node_id} is not in taxonomy {number}"]


def _describe_matches(discovery: DiscoveryRoom, project_id: int, record: ClusterRecord) -> list[str]:
    """Return what to do about the detections that are matched to the node of a promotion that was taken back."""
    taxonomy, source = discovery.taxonomies.store.current(project_id), find_source(discovery.references, project_id)
    if taxonomy is None or source is None:
        return []
    count = discovery.taxonomies.matches.count_by_node(project_id, source.space).get(record.node, 0)
    advice = f"`loop taxonomy reapply --project {project_id} --dry-run` says what changes if they are matched again"
    return [f"{count} detections are matched to {record.node}: {advice}"] if count else []
