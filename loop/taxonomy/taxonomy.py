"""The tree of categories that detections are matched to. Pure."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property

from loop.errors import TaxonomyError
from loop.label_studio.classes import Synonyms, spread_over_names
from loop.label_studio.label_config_xml import fold
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
    Nodes in the order of their file. The constructor raises TaxonomyError, with all errors, if they are no forest.

    Refused: an empty or doubled id, a label in two nodes, an unknown parent, a cycle, a threshold outside [0, 1].
    *synonyms* are not part of the tree: they map each name of a renamed class to all its names, the current name first.
    """

    nodes: tuple[Node, ...] = ()
    synonyms: Synonyms = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        raise_all(find_errors(self.nodes))

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
        """
        The node id of each label, under all names of its class; labels without a node are absent.

        The node of the current name comes first, then the label's own, then that of any other name. A label may stand
        in the tree with white space around it that it has not.
        """
        pairs = [(label, node.id) for node in self.nodes for label in node.labels]
        return spread_over_names({label.strip(): node for label, node in pairs} | dict(pairs), self.synonyms)

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

    def list_labels(self) -> list[str]:
        """Return the labels of the nodes, in their order."""
        return [label for node in self.nodes for label in node.labels]

    def find_missing(self, labels: Iterable[str]) -> set[str]:
        """Return the labels of the nodes that are none of *labels* under any name of their class."""
        known = set(labels)
        return {
            label
            for label in self.list_labels()
            if known.isdisjoint((label, label.strip(), *self.synonyms.get(label, ())))
        }

    def children(self, parent: str | None = None) -> tuple[Node, ...]:
        """Return the children of *parent*; without a parent, the roots."""
        return self._by_parent.get(parent, ())

    def path(self, node_id: str) -> tuple[str, ...]:
        """Return the ids from the root down to a node, both included, as Label Studio's Taxonomy tag holds them."""
        path = [node_id]
        while (parent := self.by_id[path[-1]].parent) is not None:
            path.append(parent)
        return tuple(reversed(path))


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


def _find_unique(names: Mapping[str, str]) -> set[str]:
    """Return the ids of nodes whose name is unique, ignoring case."""
    counts = Counter(map(fold, names.values()))
    return {node_id for node_id, name in names.items() if counts[fold(name)] == 1}


def raise_all(errors: Sequence[TaxonomyError]) -> None:
    """Raise the first error, with the others, if there is any."""
    if errors:
        first, *others = errors
        first.others = tuple(others)
        raise first


def find_errors(nodes: Sequence[Node], *, are_all: bool = True) -> list[TaxonomyError]:
    """
    Return what keeps nodes from being a forest, by node.

    *are_all* says that no other node exists: then a parent must be one of them.
    """
    times = Counter(node.id for node in nodes)
    errors = [
        TaxonomyError(f"node {node_id} id", "an id that no other node has", node_id)
        for node_id, count in times.items()
        if count > 1
    ]
    parents, owners = {node.id: node.parent for node in nodes}, dict[str, str]()
    for node in nodes:
        errors += _find_own_errors(node)
        if node.parent is not None and node.parent not in parents and are_all:
            errors.append(TaxonomyError(f"node {node.id} parent", f"one of {', '.join(parents)}", node.parent))
        for label in node.labels:
            owner = owners.setdefault(label, node.id)
            if owner != node.id:
                errors.append(TaxonomyError(f"node {node.id} labels", f"labels that are not {owner}'s", label))
    return errors + _find_cycles(parents)


def _find_own_errors(node: Node) -> list[TaxonomyError]:
    errors = []
    if not node.id.strip():
        errors.append(TaxonomyError("node id", "a name", node.id))
    values = (enrichment.value for enrichment in node.enrichment.values())
    if max(map(len, (node.id, node.title, *node.labels, *node.examples, *node.enrichment, *values))) > LONGEST_NAME:
        expected = f"texts of at most {LONGEST_NAME} characters"
        errors.append(TaxonomyError(f"node {shorten(node.id)}", expected, "a longer one"))
    if node.threshold is not None and not 0.0 <= node.threshold <= 1.0:
        errors.append(TaxonomyError(f"node {node.id} threshold", "a number from 0 to 1", node.threshold))
    return errors


def _find_cycles(parents: Mapping[str, str | None]) -> list[TaxonomyError]:
    """Return one error for each cycle of parents."""
    errors, done = [], set[str]()
    for node_id in parents:
        path = [node_id]
        while (parent := parents.get(path[-1])) is not None and parent not in done:
            if parent in path:
                errors.append(TaxonomyError(f"node {node_id} parent", "no cycle", " -> ".join([*path, parent])))
                break
            path.append(parent)
        done.update(path)
    return errors
