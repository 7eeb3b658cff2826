"""The difference of two taxonomies, node by node. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from loop.taxonomy.taxonomy import Mode, Node, Taxonomy


@dataclass(frozen=True, slots=True)
class NodeChange:
    """One field of a node that is in both taxonomies, as text before and after; empty for none."""

    node: str
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class TaxonomyDiff:
    """The nodes that are only in one of two taxonomies, by path, and the changes of those in both."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[NodeChange, ...]
    is_reordered: bool

    @property
    def is_empty(self) -> bool:
        """Whether both are the same."""
        return not (self.added or self.removed or self.changed or self.is_reordered)


def describe(diff: TaxonomyDiff) -> list[str]:
    """Return one line for each change."""
    if diff.is_empty:
        return ["changes nothing: this taxonomy is in force already"]
    changed = (
        f"changed: {each.node}, {each.field}: {each.before or 'none'} → {each.after or 'none'}" for each in diff.changed
    )
    ends = [f"new: {path}" for path in diff.added] + [f"gone: {path}" for path in diff.removed]
    return [*ends, *changed, *(["the nodes stand in another order"] if diff.is_reordered else [])]


def compare(before: Taxonomy, after: Taxonomy) -> TaxonomyDiff:
    """Return what changes from one taxonomy to another."""
    added = tuple(_write_path(after, node) for node in after.by_id if node not in before.by_id)
    removed = tuple(_write_path(before, node) for node in before.by_id if node not in after.by_id)
    both = [node for node in after.by_id if node in before.by_id]
    changed = tuple(change for node in both for change in _compare_nodes(before.by_id[node], after.by_id[node]))
    is_reordered = both != [node for node in before.by_id if node in after.by_id]
    return TaxonomyDiff(added, removed, changed, is_reordered)


def _compare_nodes(before: Node, after: Node) -> Iterator[NodeChange]:
    old, new = _write_fields(before), _write_fields(after)
    for name in dict.fromkeys((*old, *new)):
        if old.get(name, "") != new.get(name, ""):
            yield NodeChange(after.id, name, old.get(name, ""), new.get(name, ""))


def _write_fields(node: Node) -> dict[str, str]:
    own = {
        "title": node.title,
        "parent": node.parent or "",
        "labels": ", ".join(node.labels),
        "examples": ", ".join(node.examples),
        "threshold": "" if node.threshold is None else f"{node.threshold:g}",
    }
    added = {
        f"enrichment {name}": field.value if field.mode is Mode.REPLACE else f"{field.value} ({field.mode})"
        for name, field in node.enrichment.items()
    }
    return own | added


def _write_path(taxonomy: Taxonomy, node_id: str) -> str:
    return " / ".join(taxonomy.path(node_id))
