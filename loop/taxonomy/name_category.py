"""A category that a person names: the node that it becomes, or the one that it is already. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from loop.errors import TaxonomyError
from loop.taxonomy.taxonomy import Node, Taxonomy, promoted


@dataclass(frozen=True, slots=True)
class Named:
    """The taxonomy with the category in it, its node, and the Label Studio label that stands for it."""

    taxonomy: Taxonomy
    node: str
    label: str


def begun(labels: Iterable[str]) -> Taxonomy:
    """The taxonomy of a project that has none: each label of its config is a root."""
    taxonomy = Taxonomy()
    for label in labels:
        taxonomy = promoted(taxonomy, label)
    return taxonomy


def name_category(taxonomy: Taxonomy, name: str, parent: str | None = None) -> Named:
    """
    Add a category under *parent*, or find the one of that label, id or title.

    A node without a label of its own gets the name as one. Doing so twice changes nothing. Raises TaxonomyError where
    the name is empty, the parent unknown, or the node stands elsewhere.
    """
    name = name.strip()
    node = taxonomy.by_id.get(taxonomy.node_of_label.get(name, "")) or _called(taxonomy, name)
    if node is None:
        grown = promoted(taxonomy, name, parent=parent)
        return Named(grown, grown.node_of_label[name], name)
    if parent not in (None, node.parent):
        raise TaxonomyError(f"node {node.id} parent", f"{parent}, as asked", node.parent)
    if name in node.labels:
        return Named(taxonomy, node.id, name)
    if node.labels:
        return Named(taxonomy, node.id, node.labels[0])
    grown = Taxonomy(tuple(replace(one, labels=(name,)) if one is node else one for one in taxonomy.nodes))
    return Named(grown, node.id, name)


def _called(taxonomy: Taxonomy, name: str) -> Node | None:
    return next((node for node in taxonomy.nodes if name and name in (node.id, node.title)), None)
