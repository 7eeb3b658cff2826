"""
The views of Label Studio's Data Manager that show the tasks matched to each node of the taxonomy. Pure.

A view filters by a key in the regions of a prediction (`result`), and follows the predictions by itself, for any
number of tasks. A filter by a list of ids does not work: Label Studio's server knows it, but its Data Manager does
not, and then opens no tab of the project.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from loop.label_studio.views import Condition, View
from loop.taxonomy.taxonomy import Taxonomy

TITLE = "Category: "
COLUMN = "predictions_results"
PLAIN = " /.,:&+()@'"  # characters that stay in a key; others that JSON texts may write differently are %-encoded


@dataclass(frozen=True, slots=True)
class ViewPlan:
    """The changes of a project's views; *gone* are the ids of views to delete."""

    added: tuple[View, ...]
    changed: tuple[View, ...]
    gone: tuple[int, ...]


def view_keys(taxonomy: Taxonomy, node_id: str, version: str) -> list[str]:
    """Return the keys of a match to a node by *version*: one for the node and for each node above it."""
    return [_key(version, taxonomy.distinct_names[ancestor]) for ancestor in taxonomy.path(node_id)]


def make_view(name: str, version: str) -> View:
    """Make the view of the node with this *name*."""
    return View(f"{TITLE}{name}", (Condition(COLUMN, "contains", "String", f'"{_key(version, name)}"'),))


def plan_views(taxonomy: Taxonomy, version: str, known: Sequence[View], *, most: int) -> ViewPlan:
    """
    Compare the views in Label Studio with one view per node, at most *most*, nearest to the roots.

    A view is ours if its filter agrees with its title; renamed copies and views of people are not. Only the filter of
    our views is changed. A view whose node is gone is deleted, unless it has more filters.
    """
    wanted = _node_names(taxonomy, most)
    missing = dict.fromkeys(wanted)
    changed: list[View] = []
    gone: list[int] = []
    for known_view in known:
        name = _name_of(known_view)
        if name is None:
            continue
        value = make_view(name, version).conditions[0].value
        renewed = tuple(
            condition._replace(value=value) if _is_filter_of(condition, name) else condition
            for condition in known_view.conditions
        )
        if name not in missing and len(renewed) == 1:  # its node is gone, or two processes made it at once
            gone.append(known_view.id)
        elif name in wanted and renewed != known_view.conditions:
            changed.append(replace(known_view, conditions=renewed))
        missing.pop(name, None)
    return ViewPlan(tuple(make_view(name, version) for name in missing), tuple(changed), tuple(gone))


def _node_names(taxonomy: Taxonomy, most: int) -> list[str]:
    """Return the names of the nodes in the order of the tree, without the deepest nodes beyond *most*."""
    ordered = list(_walk(taxonomy, None))
    shown = set(sorted(ordered, key=lambda node: len(taxonomy.path(node)))[:most])
    return [taxonomy.distinct_names[node] for node in ordered if node in shown]


def _walk(taxonomy: Taxonomy, parent: str | None) -> Iterator[str]:
    for node in taxonomy.children(parent):
        yield node.id
        yield from _walk(taxonomy, node.id)


def _key(version: str, name: str) -> str:
    return f"{version} {quote(name, safe=PLAIN)}"


def _name_of(known: View) -> str | None:
    """Return the node name of a view; None if the view is not ours."""
    name = known.title.removeprefix(TITLE)
    is_ours = any(_is_filter_of(condition, name) for condition in known.conditions)
    return name if known.title.startswith(TITLE) and is_ours else None


def _is_filter_of(condition: Condition, name: str) -> bool:
    is_ours = (condition.column, condition.operator) == (COLUMN, "contains")
    return is_ours and str(condition.value or "").endswith(f'{_key("", name)}"')
