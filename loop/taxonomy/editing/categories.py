"""Adds categories to a taxonomy, and takes them out again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from loop.errors import TaxonomyError
from loop.label_studio.label_config_xml import fold
from loop.taxonomy.taxonomy import Node, Taxonomy


@dataclass(frozen=True, slots=True)
class NamedCategory:
    """The taxonomy with the category, its node, and its Label Studio label."""

    taxonomy: Taxonomy
    node: str
    label: str


def add_category(taxonomy: Taxonomy, name: str, *, parent: str | None = None) -> Taxonomy:
    """
    Add a category with a *name*, which becomes its title and its label.

    A label that has a node at that place already changes nothing. Raises TaxonomyError if the name is empty, the parent
    is unknown, or the label's node has another parent.
    """
    name = name.strip()
    if not name:
        raise TaxonomyError("name", "a name for the category", name)
    owner = taxonomy.node_of_label.get(name)
    if owner is not None:
        if parent not in (None, taxonomy.by_id[owner].parent):
            raise TaxonomyError(f"node {owner} parent", f"{parent}, as asked", taxonomy.by_id[owner].parent)
        return taxonomy
    node = Node(id=_make_id(name, taxonomy.by_id), title=name, parent=parent, labels=(name,))
    return replace(taxonomy, nodes=(*taxonomy.nodes, node))


def begin_taxonomy(labels: Iterable[str]) -> Taxonomy:
    """Return the first taxonomy of a project: each label of its config is a root, also one with white space around."""
    nodes: dict[str, Node] = {}
    for label in dict.fromkeys(label for label in labels if label.strip()):
        node_id = _make_id(label, nodes)
        nodes[node_id] = Node(id=node_id, title=label.strip(), labels=(label,))
    return Taxonomy(tuple(nodes.values()))


def name_category(
    taxonomy: Taxonomy, name: str, parent: str | None = None, *, known: str | None = None
) -> NamedCategory:
    """
    Add a category that a person named under *parent*, or find the node with that label, id or title.

    Without such a node, one whose label, id or title differs from the name in case alone is found. A node under
    *parent* comes before all others. The node *known* is taken whatever its name. A node without a label gets the name
    as its label. A second call changes nothing. Raises TaxonomyError as `add_category` does, and if several nodes are
    called so.
    """
    name = name.strip()
    below = [node for node in taxonomy.nodes if node.parent == parent] if parent is not None else []
    node = taxonomy.by_id.get(known or "") or _find_by_name(below, name) or _find_by_name(taxonomy.nodes, name)
    if node is None:
        grown = add_category(taxonomy, name, parent=parent)
        return NamedCategory(grown, grown.node_of_label[name], name)
    if parent not in (None, node.parent):
        raise TaxonomyError(f"node {node.id} parent", f"{parent}, as asked", node.parent)
    if taxonomy.node_of_label.get(name) == node.id:
        return NamedCategory(taxonomy, node.id, name)
    if node.labels:
        alike = (label for label in node.labels if fold(label) == fold(name))
        return NamedCategory(taxonomy, node.id, next(alike, node.labels[0]))
    grown = _change(taxonomy, replace(node, labels=(name,)))
    return NamedCategory(grown, node.id, name)


def with_thresholds(taxonomy: Taxonomy, thresholds: Mapping[str, float]) -> Taxonomy:
    """Return the taxonomy with the given thresholds, by node id."""
    nodes = (replace(node, threshold=thresholds.get(node.id, node.threshold)) for node in taxonomy.nodes)
    return replace(taxonomy, nodes=tuple(nodes))


def without_category(taxonomy: Taxonomy, node_id: str, label: str, *, is_node_added: bool) -> Taxonomy:
    """
    Return the taxonomy without the *label* of a node, and, if *is_node_added*, without the node.

    A node with other labels, or with nodes below it, stays. If the node has no such label, nothing changes.
    """
    node = taxonomy.by_id.get(node_id)
    if node is None or label not in node.labels:
        return taxonomy
    remaining = tuple(other for other in node.labels if other != label)
    if is_node_added and not remaining and not taxonomy.children(node_id):
        return replace(taxonomy, nodes=tuple(other for other in taxonomy.nodes if other is not node))
    return _change(taxonomy, replace(node, labels=remaining))


def _change(taxonomy: Taxonomy, changed: Node) -> Taxonomy:
    """Return the taxonomy with another form of a node."""
    return replace(taxonomy, nodes=tuple(changed if node.id == changed.id else node for node in taxonomy.nodes))


def _find_by_name(nodes: Iterable[Node], name: str) -> Node | None:
    """Return the node with that label, else that id, that title, or a name that differs in case alone, if any."""
    nodes, folded = list(nodes) if name else [], fold(name)
    for found in (
        [node for node in nodes if name in node.labels],
        [node for node in nodes if node.id == name],
        [node for node in nodes if node.title == name],
        [node for node in nodes if folded in map(fold, (*node.labels, node.id, node.title))],
    ):
        if len(found) > 1:
            ids = ", ".join(node.id for node in found)
            raise TaxonomyError("name", f"the id of one of the nodes that are called so, {ids}", name)
        if found:
            return found[0]
    return None


def _make_id(name: str, taken: Iterable[str]) -> str:
    """Make an unused id from a name: `Stag beetle` becomes `stag-beetle`, then `stag-beetle-2`."""
    stem = "-".join("".join(letter if letter.isalnum() else " " for letter in name.casefold()).split()) or "node"
    number, node_id = 1, stem
    while node_id in set(taken):
        number += 1
        node_id = f"{stem}-{number}"
    return node_id
