"""
The views of Label Studio's Data Manager that show what was matched to each node of the taxonomy. Pure.

A view filters by a key that stands in the regions of a prediction (`match_result`), so what it shows follows the
predictions by itself, however many tasks these are. A filter by a list of ids would not do: Label Studio's server knows
one, its Data Manager does not, and no tab of a project opens as long as one of them has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from loop.label_studio.views import filters
from loop.taxonomy.taxonomy import Taxonomy

Json = dict[str, Any]
TITLE = "Category: "
COLUMN = "predictions_results"
PLAIN = " /.,:&+()@'"  # stay as they are in a key; all else that is not in every JSON text alike is %-encoded


@dataclass(frozen=True, slots=True)
class ViewPlan:
    """What is to be done to a project's views: *changed* and *gone* are by their ids."""

    added: tuple[Json, ...]
    changed: Mapping[int, Json]
    gone: tuple[int, ...]


def keys(taxonomy: Taxonomy, node_id: str, version: str) -> list[str]:
    """What a match to a node of a prediction of *version* is found by: a key for the node and each above it."""
    return [_key(version, taxonomy.distinct_names[one]) for one in taxonomy.path(node_id)]


def view(name: str, version: str) -> Json:
    """The view of the node that is called *name*."""
    condition = (COLUMN, "contains", "String", f'"{_key(version, name)}"')
    return {"title": f"{TITLE}{name}", "type": "list", "target": "tasks", "filters": filters(condition)}


def plan_views(taxonomy: Taxonomy, version: str, known: Sequence[Mapping[str, Any]], *, most: int) -> ViewPlan:
    """
    Compare the views that Label Studio has with one a node, at most *most*: those nearest to the roots.

    A view is ours by its title and a filter that agrees with it, so a copy under another name, and a view that somebody
    made, are not. Of ours only our filter is changed; one whose node is gone is deleted, unless it got more filters.
    """
    wanted = _wanted(taxonomy, most)
    missing = dict.fromkeys(wanted)
    changed: dict[int, Json] = {}
    gone: list[int] = []
    for one in known:
        data = one.get("data") or {}
        name = _name_of(data)
        if name is None:
            continue
        items = data["filters"]["items"]
        right = view(name, version)["filters"]["items"][0]["value"]
        renewed = [{**item, "value": right} if _is_filter_of(item, name) else item for item in items]
        if name not in missing and len(items) == 1:  # its node is gone, or two of us made it at once
            gone.append(int(one["id"]))
        elif name in wanted and renewed != items:
            changed[int(one["id"])] = {**data, "filters": {**data["filters"], "items": renewed}}
        missing.pop(name, None)
    return ViewPlan(tuple(view(name, version) for name in missing), changed, tuple(gone))


def _wanted(taxonomy: Taxonomy, most: int) -> list[str]:
    """The names of the nodes, in the order of the tree; where there are too many, the deepest are left out."""
    ordered = list(_down(taxonomy, None))
    kept = set(sorted(ordered, key=lambda node: len(taxonomy.path(node)))[:most])
    return [taxonomy.distinct_names[node] for node in ordered if node in kept]


def _down(taxonomy: Taxonomy, parent: str | None) -> Iterator[str]:
    for node in taxonomy.children(parent):
        yield node.id
        yield from _down(taxonomy, node.id)


def _key(version: str, name: str) -> str:
    return f"{version} {quote(name, safe=PLAIN)}"


def _name_of(data: Mapping[str, Any]) -> str | None:
    """Whose view it is; None where it is not ours."""
    title = str(data.get("title") or "")
    name = title.removeprefix(TITLE)
    items = (data.get("filters") or {}).get("items") or []
    return name if title.startswith(TITLE) and any(_is_filter_of(item, name) for item in items) else None


def _is_filter_of(item: Mapping[str, Any], name: str) -> bool:
    is_ours = item.get("filter") == f"filter:tasks:{COLUMN}" and item.get("operator") == "contains"
    return is_ours and str(item.get("value") or "").endswith(f'{_key("", name)}"')
