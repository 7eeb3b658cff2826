"""Add a category that a person named to the taxonomy, or find its node. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from loop.errors import TaxonomyError
from loop.taxonomy.taxonomy import Node, Taxonomy, promoted


@dataclass(frozen=True, slots=True)
class Named:
    """The taxonomy with the category, its node, and its Label Studio label."""

    taxonomy: Taxonomy
    node: str
    label: str


def begun(labels: Iterable[str]) -> Taxonomy:
    """Return the first taxonomy of a project: each label of its config is a root."""
    taxonomy = Taxonomy()
    for label in labels:
        taxonomy = promoted(taxonomy, label)
    return taxonomy


def name_category(taxonomy: Taxonomy, name: str, parent: str | None = None) -> Named:
    """
    Add a category under *parent*, or find the node with that label, id or title.

    A node without a label gets the name as its label. A second call changes nothing. Raises TaxonomyError if the name
    is empty, the parent is unknown, or the node has another parent.
    """
    name = name.strip()
    node = taxonomy.by_id.get(taxonomy.node_of_label.get(name, "")) or _find_by_name(taxonomy, name)
    if node is None:
        grown = promoted(taxonomy, name, parent=parent)
        return Named(grown, grown.node_of_label[name], name)
    if parent not in (None, node.parent):
        raise TaxonomyError(f"node {node.id} parent", f"{parent}, as asked", node.parent)
    if name in node.labels:
        return Named(taxonomy, node.id, name)
    if node.labels:
        return Named(taxonomy, node.id, node.labels[0])
    grown = Taxonomy(tuple(replace(each, labels=(name,)) if each is node else each for each in taxonomy.nodes))
    return Named(grown, node.id, name)


def _find_by_name(taxonomy: Taxonomy, name: str) -> Node | None:
    return next((node for node in taxonomy.nodes if name and name in (node.id, node.title)), None)
