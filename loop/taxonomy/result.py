"""A prediction's result with what its regions were matched to, as Label Studio's editor shows it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loop.taxonomy.control import Kind, MatchControl
from loop.taxonomy.matching import Match
from loop.taxonomy.taxonomy import Taxonomy, enriched
from loop.taxonomy.views import keys

Json = dict[str, Any]
KEYS = "categories"  # in a region's meta: by these the views find the tasks, and we find what we wrote
LINE = "category: "  # how the text that people read begins
GEOMETRY = ("x", "y", "width", "height", "rotation")
SIZE = ("original_width", "original_height", "image_rotation", "item_index")
DIGITS = 4  # of a score: a change of less is none


@dataclass(frozen=True, slots=True)
class Matched:
    """The matches of one task's regions, by region id, and where they are shown: no *control*, no per-region result."""

    matches: Mapping[str, Match]
    taxonomy: Taxonomy
    control: MatchControl | None = None

    def write_into(self, result: Sequence[Mapping[str, Any]], version: str) -> list[Json]:
        """Write them into the result of a prediction of *version*, see `with_matches`."""
        return with_matches(result, self, version)


def with_matches(result: Sequence[Mapping[str, Any]], matched: Matched, version: str) -> list[Json]:
    """
    Write the matches of a prediction of *version* into its result, in place of those that stand in it.

    Each matched rectangle gets the path and the enrichment of its node as its `meta`, which the editor shows beside the
    region, and after it, where there is a control that has the node, a result of that control, in the form that the
    editor itself posts. A region that is unknown, or not in the matches, loses both. All else stays as it was, and done
    again nothing changes.
    """
    ids = {one.get("id") for one in result if _is_rectangle(one)}
    kept = [one for one in result if not _is_ours(one, ids, matched.control)]
    found: list[Json] = []
    for one in kept:
        if not _is_rectangle(one):
            found.append(dict(one))
            continue
        match = matched.matches.get(str(one.get("id")))
        node = match.node if match and match.node in matched.taxonomy.by_id else None
        region = _with_meta(one, _meta(matched.taxonomy, node, version) if node else {})
        found.append(region)
        if match and node:
            found += _chosen(region, match, node, matched)
    return found


def _is_rectangle(one: Mapping[str, Any]) -> bool:
    return one.get("type") == "rectanglelabels" and bool(one.get("id")) and isinstance(one.get("value"), Mapping)


def _is_ours(one: Mapping[str, Any], ids: set[Any], control: MatchControl | None) -> bool:
    """Whether it is a match that was written before: by this control, or by one that the label config had then."""
    if one.get("id") not in ids or one.get("type") not in list(Kind):
        return False
    return (control is not None and one.get("from_name") == control.name) or KEYS in _meta_of(one)


def _meta(taxonomy: Taxonomy, node: str, version: str) -> Json:
    """What a matched region's meta gets; the editor shows the text, line by line, and keeps the rest."""
    names = "/".join(taxonomy.by_id[one].name for one in taxonomy.path(node))
    lines = [f"{LINE}{names}", *(f"{field}: {value}" for field, value in enriched(taxonomy, node).items())]
    return {"text": ["\n".join(" ".join(line.split()) for line in lines)], KEYS: keys(taxonomy, node, version)}


def _with_meta(one: Mapping[str, Any], ours: Json) -> Json:
    """Replace what we wrote of a region's meta; text and keys of others stay."""
    meta = dict(_meta_of(one))
    if not ours and KEYS not in meta:
        return dict(one)
    texts = meta.get("text", [])
    texts = texts if isinstance(texts, list) else [texts]
    if meta.pop(KEYS, None):
        texts = [text for text in texts if not str(text).startswith(LINE)]
    meta |= ours | {"text": [*texts, *ours.get("text", [])]}
    if not meta["text"]:
        del meta["text"]
    region = {**one, "meta": meta}
    if not meta:
        del region["meta"]
    return region


def _meta_of(one: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = one.get("meta")
    return meta if isinstance(meta, Mapping) else {}


def _chosen(region: Json, match: Match, node: str, matched: Matched) -> list[Json]:
    """The result of the control; nothing where there is none, or it lacks the node."""
    control, taxonomy = matched.control, matched.taxonomy
    path = control.path_of([taxonomy.by_id[one] for one in taxonomy.path(node)]) if control else ()
    if not control or not path:
        return []
    value = {key: region["value"][key] for key in GEOMETRY if key in region["value"]}
    return [
        {
            "id": region["id"],
            "from_name": control.name,
            "to_name": region.get("to_name"),
            "type": control.kind.value,
            **{key: region[key] for key in SIZE if key in region},
            "value": {**value, control.kind.value: [list(path)] if control.is_nested else list(path)},
            "meta": region["meta"],
            "score": round(match.score, DIGITS),
        }
    ]
