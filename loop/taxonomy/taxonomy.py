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


class Mode(StrEnum):
    """What an enrichment field does with a value that is already there."""

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

    *labels* are the Label Studio labels that are this category; a node without any only groups its children.
    *threshold* in [0, 1] is the least score of a match, None where the policy's default holds.
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
        """What people read."""
        return self.title or self.id


@dataclass(frozen=True)
class Taxonomy:
    """
    Nodes in the order of their file. Raises TaxonomyError, when made, where they are no forest.

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
        found: dict[str | None, list[Node]] = {}
        for node in self.nodes:
            found.setdefault(node.parent, []).append(node)
        return {parent: tuple(children) for parent, children in found.items()}

    @cached_property
    def node_of_label(self) -> dict[str, str]:
        """The id of the node that each label is; a label without a node is absent."""
        return {label: node.id for node in self.nodes for label in node.labels}

    @cached_property
    def version(self) -> str:
        """A content hash: the same nodes in the same order have the same version."""
        content = json.dumps([asdict(node) for node in self.nodes], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    @cached_property
    def distinct_names(self) -> dict[str, str]:
        """
        What each node is called where it stands alone: its name, or its path where others have that name too.

        No two are alike but for case, as far as ids are not.
        """
        short = {node.id: " ".join(node.name.split()) for node in self.nodes}
        long = {one: "/".join(short[above] for above in self.path(one)) for one in short}
        alone = _alone(short)
        names = {one: short[one] if one in alone else long[one] for one in short}
        alone = _alone(names)
        return {one: name if one in alone else f"{name} ({one})" for one, name in names.items()}

    def children(self, parent: str | None = None) -> tuple[Node, ...]:
        """The nodes right under *parent*; the roots without one."""
        return self._by_parent.get(parent, ())

    def path(self, node_id: str) -> tuple[str, ...]:
        """The ids from the root down to a node, both included: what Label Studio's Taxonomy tag holds."""
        path = [node_id]
        while (parent := self.by_id[path[-1]].parent) is not None:
            path.append(parent)
        return tuple(reversed(path))


def enriched(taxonomy: Taxonomy, node_id: str) -> dict[str, str]:
    """
    The fields that a match to a node adds, gathered from the root down to it, in that order.

    A field that replaces overrides what the nodes above said, one that appends is joined to it.
    """
    found: dict[str, str] = {}
    for one in taxonomy.path(node_id):
        for name, addition in taxonomy.by_id[one].enrichment.items():
            is_joined = addition.mode is Mode.APPEND and name in found
            found[name] = f"{found[name]}; {addition.value}" if is_joined else addition.value
    return found


def promoted(taxonomy: Taxonomy, name: str, *, parent: str | None = None) -> Taxonomy:
    """
    Add a category that a person named; *name* becomes its title and its label.

    A label that is known already, in that place, changes nothing: promoting twice is promoting once. Raises
    TaxonomyError where the parent is unknown, or the label belongs elsewhere.
    """
    name = name.strip()
    if not name:
        raise TaxonomyError("name", "a name for the category", name)
    known = taxonomy.node_of_label.get(name)
    if known is not None:
        if parent not in (None, taxonomy.by_id[known].parent):
            raise TaxonomyError(f"node {known} parent", f"{parent}, as asked", taxonomy.by_id[known].parent)
        return taxonomy
    node = Node(id=_free_id(name, taxonomy.by_id), title=name, parent=parent, labels=(name,))
    return Taxonomy((*taxonomy.nodes, node))


def with_thresholds(taxonomy: Taxonomy, thresholds: Mapping[str, float]) -> Taxonomy:
    """Set the thresholds of the nodes that are named."""
    return Taxonomy(
        tuple(replace(node, threshold=thresholds.get(node.id, node.threshold)) for node in taxonomy.nodes),
    )


def tree_lines(taxonomy: Taxonomy, parent: str | None = None, depth: int = 0) -> list[str]:
    """Draw the tree, a line a node, children indented under their parent."""
    lines = []
    for node in taxonomy.children(parent):
        labels = f"  labels: {', '.join(node.labels)}" if node.labels else ""
        threshold = "" if node.threshold is None else f"  threshold: {node.threshold:g}"
        lines.append(f"{'  ' * depth}{node.id}{f' ({node.title})' if node.title else ''}{labels}{threshold}")
        lines += tree_lines(taxonomy, node.id, depth + 1)
    return lines


def _alone(names: Mapping[str, str]) -> set[str]:
    """Whose name nobody else has, without regard to case."""
    counts = Counter(name.casefold() for name in names.values())
    return {one for one, name in names.items() if counts[name.casefold()] == 1}


def _free_id(name: str, taken: Iterable[str]) -> str:
    """Make an id of a name that no node has: `Stag beetle` becomes `stag-beetle`, then `stag-beetle-2`."""
    stem = "-".join("".join(letter if letter.isalnum() else " " for letter in name.casefold()).split()) or "node"
    number, found = 1, stem
    while found in set(taken):
        number += 1
        found = f"{stem}-{number}"
    return found


def _check(nodes: tuple[Node, ...]) -> None:
    doubled = [node_id for node_id, times in Counter(node.id for node in nodes).items() if times > 1]
    if doubled:
        raise TaxonomyError(f"node {doubled[0]} id", "an id that no other node has", doubled[0])
    parents = {node.id: node.parent for node in nodes}
    owners: dict[str, str] = {}
    for node in nodes:
        if not node.id.strip():
            raise TaxonomyError("node id", "a name", node.id)
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


def _check_cycle(node_id: str, parents: Mapping[str, str | None]) -> None:
    way = [node_id]
    while (parent := parents[way[-1]]) is not None:
        if parent in way:
            raise TaxonomyError(f"node {node_id} parent", "no cycle", " -> ".join([*way, parent]))
        way.append(parent)
