"""The result of a prediction with the matches of its regions, as Label Studio's editor shows them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loop.taxonomy.control import ControlKind, MatchControl
from loop.taxonomy.taxonomy import Taxonomy, collect_enrichment
from loop.taxonomy.views import view_keys

if TYPE_CHECKING:
    from loop.taxonomy.voting import Match

Json = dict[str, Any]
KEYS = "categories"  # key of a region's meta: views find tasks by it, and later runs find earlier matches
LINE = "category: "  # start of the text that people read
GEOMETRY = ("x", "y", "width", "height", "rotation")
SIZE = ("original_width", "original_height", "image_rotation", "item_index")
DIGITS = 4  # digits of a score; smaller changes are ignored


@dataclass(frozen=True, slots=True)
class TaskMatches:
    """The matches of one task's regions, by region id. Without a *control* they are written into `meta` only."""

    by_region: Mapping[str, Match]
    taxonomy: Taxonomy
    control: MatchControl | None = None

    def write_into(self, result: Sequence[Mapping[str, Any]], version: str) -> list[Json]:
        """Write them into the result of a prediction of *version*, see `with_matches`."""
        return with_matches(result, self, version)


def with_matches(result: Sequence[Mapping[str, Any]], matches: TaskMatches, version: str) -> list[Json]:
    """
    Write the matches of a prediction of *version* into its result, in place of earlier matches.

    Each matched rectangle gets the path and the enrichment of its node as its `meta`, which the editor shows beside the
    region. If the control has the node, a result of the control follows, in the form that the editor posts. A region
    without a match, or matched to unknown, loses both. Everything else stays; a second call changes nothing.
    """
    ids = {item.get("id") for item in result if _is_rectangle(item)}
    others = [item for item in result if not _is_ours(item, ids, matches.control)]
    written: list[Json] = []
    for item in others:
        if not _is_rectangle(item):
            written.append(dict(item))
            continue
        match = matches.by_region.get(str(item.get("id")))
        node = match.node if match and match.node in matches.taxonomy.by_id else None
        region = _with_meta(item, _meta(matches.taxonomy, node, version) if node else {})
        written.append(region)
        if match and node:
            written += _control_result(region, match, node, matches)
    return written


def _is_rectangle(item: Mapping[str, Any]) -> bool:
    return item.get("type") == "rectanglelabels" and bool(item.get("id")) and isinstance(item.get("value"), Mapping)


def _is_ours(item: Mapping[str, Any], ids: set[Any], control: MatchControl | None) -> bool:
    """Return whether an item is an earlier match: of this control, or of a former control of the label config."""
    if item.get("id") not in ids or item.get("type") not in list(ControlKind):
        return False
    return (control is not None and item.get("from_name") == control.name) or KEYS in _meta_of(item)


def _meta(taxonomy: Taxonomy, node: str, version: str) -> Json:
    """Return the meta of a matched region. The editor shows the text line by line, and keeps the other keys."""
    names = "/".join(taxonomy.by_id[ancestor].name for ancestor in taxonomy.path(node))
    lines = [f"{LINE}{names}", *(f"{field}: {value}" for field, value in collect_enrichment(taxonomy, node).items())]
    return {"text": ["\n".join(" ".join(line.split()) for line in lines)], KEYS: view_keys(taxonomy, node, version)}


def _with_meta(item: Mapping[str, Any], ours: Json) -> Json:
    """Replace our part of a region's meta; other text and keys stay."""
    meta = dict(_meta_of(item))
    if not ours and KEYS not in meta:
        return dict(item)
    texts = meta.get("text", [])
    texts = texts if isinstance(texts, list) else [texts]
    if meta.pop(KEYS, None):
        texts = [text for text in texts if not str(text).startswith(LINE)]
    meta |= ours | {"text": [*texts, *ours.get("text", [])]}
    if not meta["text"]:
        del meta["text"]
    region = {**item, "meta": meta}
    if not meta:
        del region["meta"]
    return region


def _meta_of(item: Mapping[str, Any]) -> Mapping[str, Any]:
    meta = item.get("meta")
    return meta if isinstance(meta, Mapping) else {}


def _control_result(region: Json, match: Match, node: str, matches: TaskMatches) -> list[Json]:
    """Return the result of the control; empty without a control, or if it lacks the node."""
    control, taxonomy = matches.control, matches.taxonomy
    path = control.path_of([taxonomy.by_id[ancestor] for ancestor in taxonomy.path(node)]) if control else ()
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
