"""The tree of categories that detections are matched to. Pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import cached_property

from loop.errors import TaxonomyError
from loop.printable import shorten
from loop.storage.storable import LONGEST_NAME


class Mode(StrEnum):
    """The effect of an enrichment field on an existing value."""

    REPLACE = "replace"
    APPEND = "append"


@dataclass(frozen=True, slots=True)
class Enrichment:
    """A field that a match adds to a detection."""

    value: str
    mode: Mode = Mode.REPLACE


@dataclass(frozen=True, slots=True)
class Node:
    """
    One category.

    *labels* are the Label Studio labels of this category; a node without labels only groups its children.
    *threshold* in [0, 1] is the least score of a match; None means the default of the policy.
    """

    id: str
    title: str = ""
    parent: str | None = None
    labels: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    threshold: float | None = None
    enrichment: Mapping[str, Enrichment] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name that people read."""
        return self.title or self.id


@dataclass(frozen=True)
class Taxonomy:
    """
    Nodes in the order of their file. The constructor raises TaxonomyError if they are no forest.

    Refused: an empty or doubled id, a label in two nodes, an unknown parent, a cycle, a threshold outside [0, 1].
    """

    nodes: tuple[Node, ...] = ()

    def __post_init__(self) -> None:
        _check(self.nodes)

    @cached_property
    def by_id(self) -> dict[str, Node]:
        """The nodes by id."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def _by_parent(self) -> dict[str | None, tuple[Node, ...]]:
        children_of: dict[str | None, list[Node]] = {}
        for node in self.nodes:
            children_of.setdefault(node.parent, []).append(node)
        return {parent: tuple(children) for parent, children in children_of.items()}

    @cached_property
    def node_of_label(self) -> dict[str, str]:
        """The node id of each label; labels without a node are absent."""
        return {label: node.id for node in self.nodes for label in node.labels}

    @cached_property
    def version(self) -> str:
        """A content hash: the same nodes in the same order have the same version."""
        content = json.dumps([asdict(node) for node in self.nodes], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    @cached_property
    def distinct_names(self) -> dict[str, str]:
        """
        The distinct name of each node: its name, or its path if other nodes have the same name.

        No two names differ only in case, unless ids do.
        """
        short = {node.id: " ".join(node.name.split()) for node in self.nodes}
        long = {node_id: "/".join(short[above] for above in self.path(node_id)) for node_id in short}
        unique = _find_unique(short)
        names = {node_id: short[node_id] if node_id in unique else long[node_id] for node_id in short}
        unique = _find_unique(names)
        return {node_id: name if node_id in unique else f"{name} ({node_id})" for node_id, name in names.items()}

    def children(self, parent: str | None = None) -> tuple[Node, ...]:
        """Return the children of *parent*; without a parent, the roots."""
        return self._by_parent.get(parent, ())

    def path(self, node_id: str) -> tuple[str, ...]:
        """Return the ids from the root down to a node, both included, as Label Studio's Taxonomy tag holds them."""
        path = [node_id]
        while (parent := self.by_id[path[-1]].parent) is not None:
            path.append(parent)
        return tuple(reversed(path))


@dataclass(frozen=True, slots=True)
class NamedCategory:
    """The taxonomy with the category, its node, and its Label Studio label."""

    taxonomy: Taxonomy
    node: str
    label: str


def collect_enrichment(taxonomy: Taxonomy, node_id: str) -> dict[str, str]:
    """
    Return the fields that a match to a node adds, collected from the root down to the node.

    A field that replaces overrides the value of the nodes above; a field that appends is joined to it.
    """
    fields: dict[str, str] = {}
    for ancestor in taxonomy.path(node_id):
        for name, addition in taxonomy.by_id[ancestor].enrichment.items():
            is_joined = addition.mode is Mode.APPEND and name in fields
            fields[name] = f"{fields[name]}; {addition.value}" if is_joined else addition.value
    return fields


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
    return Taxonomy((*taxonomy.nodes, node))


def begin_taxonomy(labels: Iterable[str]) -> Taxonomy:
    """Return the first taxonomy of a project: each label of its config is a root."""
    taxonomy = Taxonomy()
    for label in labels:
        taxonomy = add_category(taxonomy, label)
    return taxonomy


def name_category(taxonomy: Taxonomy, name: str, parent: str | None = None) -> NamedCategory:
    """
    Add a category that a person named under *parent*, or find the node with that label, id or title.

    A node without a label gets the name as its label. A second call changes nothing. Raises TaxonomyError as
    `add_category` does.
    """
    name = name.strip()
    node = taxonomy.by_id.get(taxonomy.node_of_label.get(name, "")) or _find_by_name(taxonomy, name)
    if node is None:
        grown = add_category(taxonomy, name, parent=parent)
        return NamedCategory(grown, grown.node_of_label[name], name)
    if parent not in (None, node.parent):
        raise TaxonomyError(f"node {node.id} parent", f"{parent}, as asked", node.parent)
    if name in node.labels:
        return NamedCategory(taxonomy, node.id, name)
    if node.labels:
        return NamedCategory(taxonomy, node.id, node.labels[0])
    grown = Taxonomy(tuple(replace(other, labels=(name,)) if other is node else other for other in taxonomy.nodes))
    return NamedCategory(grown, node.id, name)


def with_thresholds(taxonomy: Taxonomy, thresholds: Mapping[str, float]) -> Taxonomy:
    """Return the taxonomy with the given thresholds, by node id."""
    return Taxonomy(
        tuple(replace(node, threshold=thresholds.get(node.id, node.threshold)) for node in taxonomy.nodes),
    )


def _find_unique(names: Mapping[str, str]) -> set[str]:
    """Return the ids of nodes whose name is unique, ignoring case."""
    counts = Counter(name.casefold() for name in names.values())
    return {node_id for node_id, name in names.items() if counts[name.casefold()] == 1}


def _find_by_name(taxonomy: Taxonomy, name: str) -> Node | None:
    return next((node for node in taxonomy.nodes if name and name in (node.id, node.title)), None)


def _make_id(name: str, taken: Iterable[str]) -> str:
    """Make an unused id from a name: `Stag beetle` becomes `stag-beetle`, then `stag-beetle-2`."""
    stem = "-".join("".join(letter if letter.isalnum() else " " for letter in name.casefold()).split()) or "node"
    number, node_id = 1, stem
    while node_id in set(taken):
        number += 1
        node_id = f"{stem}-{number}"
    return node_id


def _check(nodes: tuple[Node, ...]) -> None:
    duplicates = [node_id for node_id, times in Counter(node.id for node in nodes).items() if times > 1]
    if duplicates:
        raise TaxonomyError(f"node {duplicates[0]} id", "an id that no other node has", duplicates[0])
    parents = {node.id: node.parent for node in nodes}
    owners: dict[str, str] = {}
    for node in nodes:
        if not node.id.strip():
            raise TaxonomyError("node id", "a name", node.id)
        _check_lengths(node)
        if node.parent is not None and node.parent not in parents:
            raise TaxonomyError(f"node {node.id} parent", f"one of {', '.join(parents)}", node.parent)
        if node.threshold is not None and not 0.0 <= node.threshold <= 1.0:
            raise TaxonomyError(f"node {node.id} threshold", "a number from 0 to 1", node.threshold)
        for label in node.labels:
            if label in owners:
                raise TaxonomyError(f"node {node.id} labels", f"labels that are not {owners[label]}'s", label)
            owners[label] = node.id
    for node in nodes:
        _check_cycle(node.id, parents)


def _check_lengths(node: Node) -> None:
    values = (enrichment.value for enrichment in node.enrichment.values())
    if max(map(len, (node.id, node.title, *node.labels, *node.examples, *node.enrichment, *values))) > LONGEST_NAME:
        raise TaxonomyError(f"node {shorten(node.id)}", f"texts of at most {LONGEST_NAME} characters", "a longer one")


def _check_cycle(node_id: str, parents: Mapping[str, str | None]) -> None:
    path = [node_id]
    while (parent := parents[path[-1]]) is not None:
        if parent in path:
            raise TaxonomyError(f"node {node_id} parent", "no cycle", " -> ".join([*path, parent]))
        path.append(parent)
