"""The taxonomy of a project as a person sees it: the tree with references and detections by node, and its versions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from loop.references.plan import find_source
from loop.taxonomy.pages.prepare import (
    LastOutcome,
    PreparedCalibration,
    PreparedChanges,
    read_calibration,
    read_changes,
    read_outcome,
)
from loop.taxonomy.room import TaxonomyRoom
from loop.taxonomy.store import TaxonomyVersion
from loop.taxonomy.taxonomy import Node, Taxonomy

MOST_VERSIONS = 20


@dataclass(frozen=True, slots=True)
class NodeLine:
    """
    One node of the tree, *depth* steps below its root.

    *references* counts those of its own labels, under all names of their classes, *detections* those matched to it,
    *below* also those of the nodes below it. *missing* are its labels that the label config has under no name.
    """

    id: str
    name: str
    depth: int
    labels: tuple[str, ...]
    missing: tuple[str, ...]
    threshold: float | None
    references: int
    detections: int
    below: int


@dataclass(frozen=True, slots=True)
class TaxonomyPage:
    """
    The taxonomy in force, with *version* empty before the first one.

    *unknown* counts the detections that match no node, *gone* those matched to a node that is no more. *changes* is
    None once matches were changed since. *undoable* is the token of the last change of matches, which can be undone.
    """

    version: str
    nodes: tuple[NodeLine, ...]
    unknown: int
    gone: int
    versions: tuple[TaxonomyVersion, ...]
    calibration: PreparedCalibration | None
    changes: PreparedChanges | None
    outcome: LastOutcome | None
    undoable: str


def read_taxonomy(taxonomies: TaxonomyRoom, project_id: int) -> TaxonomyPage:
    """Read the page of a project's taxonomy, from the records alone."""
    current = taxonomies.store.current(project_id)
    tree = current or Taxonomy()
    source = find_source(taxonomies.references, project_id)
    detections = taxonomies.matches.count_by_node(project_id, source.space) if source else {}
    nodes, references = tree.node_of_label, Counter[str]()
    for label, count in (taxonomies.counts.of_labels(project_id, source.space, nodes) if source else {}).items():
        references[nodes[label]] += count
    changes, outcome = read_changes(taxonomies, project_id), read_outcome(taxonomies, project_id)
    missing = tree.find_missing(taxonomies.studio.projects.get(project_id).config().label_names)
    return TaxonomyPage(
        version=current.version if current else "",
        nodes=tuple(_list_nodes(tree, references, detections, missing)),
        unknown=detections.get(None, 0),
        gone=sum(count for node, count in detections.items() if node is not None and node not in tree.by_id),
        versions=tuple(taxonomies.store.versions(project_id, MOST_VERSIONS)),
        calibration=read_calibration(taxonomies, project_id),
        changes=None if outcome and changes and not outcome.error and outcome.made_at >= changes.made_at else changes,
        outcome=outcome,
        undoable=taxonomies.matches.last_token(project_id, source.space) if source else "",
    )


def _list_nodes(
    taxonomy: Taxonomy, references: Mapping[str, int], detections: Mapping[str | None, int], missing: set[str]
) -> Iterator[NodeLine]:
    """Yield the nodes in the order of the tree."""
    below = _sum_below(taxonomy, detections)
    waiting: list[tuple[Node, int]] = [(node, 0) for node in reversed(taxonomy.children())]
    while waiting:
        node, depth = waiting.pop()
        yield NodeLine(
            id=node.id,
            name=node.name,
            depth=depth,
            labels=node.labels,
            missing=tuple(label for label in node.labels if label in missing),
            threshold=node.threshold,
            references=references.get(node.id, 0),
            detections=detections.get(node.id, 0),
            below=below[node.id],
        )
        waiting += [(child, depth + 1) for child in reversed(taxonomy.children(node.id))]


def _sum_below(taxonomy: Taxonomy, detections: Mapping[str | None, int]) -> dict[str, int]:
    sums = dict.fromkeys(taxonomy.by_id, 0)
    for node in taxonomy.nodes:
        for above in taxonomy.path(node.id):
            sums[above] += detections.get(node.id, 0)
    return sums
