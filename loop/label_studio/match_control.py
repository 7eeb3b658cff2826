"""The matches of regions in Label Studio: the control that shows them, and how they stand in a result. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol
from xml.etree.ElementTree import Element

from loop.label_studio.label_config import parse
from loop.label_studio.label_config_xml import fold, root_of, tags

Json = dict[str, Any]
KEYS = "categories"  # key of a region's meta: views find tasks by it, and later runs find earlier matches
LINE = "category: "  # start of the text that people read
GEOMETRY = ("x", "y", "width", "height", "rotation")
SIZE = ("original_width", "original_height", "image_rotation", "item_index")
DIGITS = 4  # digits of a score; smaller changes are ignored


class Category(Protocol):
    """The names of a category that a choice may have."""

    @property
    def id(self) -> str:
        """Its id in the taxonomy."""

    @property
    def title(self) -> str:
        """Its title; may be empty."""

    @property
    def labels(self) -> Sequence[str]:
        """The labels that stand for it."""

    @property
    def name(self) -> str:
        """The name that people read."""


class ControlKind(StrEnum):
    """The kind of a control: the type of its results, and the key of their values."""

    TAXONOMY = "taxonomy"
    CHOICES = "choices"


@dataclass(frozen=True, slots=True)
class Choice:
    """One `<Choice>`: its *value* in results (alias, else value), its *names*, and its *children*."""

    value: str
    names: frozenset[str]
    children: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class MatchControl:
    """
    A `<Taxonomy>`, or `<Choices>`, with perRegion="true" on the image of the rectangles.

    *is_dynamic*: its choices come from the task or a URL, and are unknown here. *is_nested*: a value is a path of
    choices, not a single choice. *leaves_only*: a choice with children cannot be chosen.
    """

    kind: ControlKind
    name: str
    choices: tuple[Choice, ...]
    is_dynamic: bool = False
    is_nested: bool = True
    leaves_only: bool = False

    def path_of(self, categories: Sequence[Category]) -> tuple[str, ...]:
        """
        Return the choices for *categories* from a root down to a match, as deep as the control has them; may be empty.

        A category's title, id or label names a choice, ignoring case. Dynamic choices are not checked: the names of the
        categories are returned.
        """
        if self.is_dynamic:
            names = tuple(category.name for category in categories)
            return names if self.is_nested else names[-1:]
        if not self.is_nested:  # a flat list may have any level of the tree
            matching = (_find_choice(self.choices, category) for category in reversed(categories))
            return next(((choice.value,) for choice in matching if choice), ())
        path: list[str] = []
        choices = self.choices
        for category in categories:
            choice = _find_choice(choices, category)
            if choice is None:
                break
            path.append(choice.value)
            choices = choice.children
        return () if self.leaves_only and path and choices else tuple(path)


@dataclass(frozen=True, slots=True)
class ShownMatch:
    """The match of a region as it is shown: its *text*, the *keys* that views find it by, its *path* in the control."""

    text: str
    keys: Sequence[str]
    path: tuple[str, ...]
    score: float


def find_control(xml: str) -> MatchControl | None:
    """
    Return the first `<Taxonomy>` that can show a match, else the first `<Choices>`, else None.

    Raises LabelConfigError as `label_config.parse` does.
    """
    image, root = parse(xml).to_name, root_of(xml)
    for kind in (ControlKind.TAXONOMY, ControlKind.CHOICES):
        for control in tags(root, kind.value):
            attributes = _attributes(control)
            targets = [name.strip() for name in attributes.get("toname", "").split(",")]
            if image in targets and attributes.get("name") and _is_true(attributes, "perregion"):
                return _read_control(control, kind, attributes)
    return None


def _read_control(control: Element, kind: ControlKind, attributes: dict[str, str]) -> MatchControl:
    is_nested = kind is ControlKind.TAXONOMY or _is_true(attributes, "allownested")
    return MatchControl(
        kind=kind,
        name=attributes["name"],
        choices=_read_choices(control),
        is_dynamic=bool(attributes.get("apiurl")) or attributes.get("value", "").startswith("$"),
        is_nested=is_nested,
        leaves_only=_is_true(attributes, "leafsonly") or (kind is ControlKind.CHOICES and is_nested),
    )


def _read_choices(parent: Element) -> tuple[Choice, ...]:
    """Return the choices under a tag, also within layout tags; of two choices with one value, the first."""
    choices: dict[str, Choice] = {}
    for child in parent:
        attributes = _attributes(child)
        if child.tag.casefold() != "choice":
            for choice in _read_choices(child):
                choices.setdefault(choice.value, choice)
        elif value := attributes.get("alias") or attributes.get("value"):
            names = frozenset(fold(attributes[key].strip()) for key in ("alias", "value") if attributes.get(key))
            choices.setdefault(value, Choice(value, names, _read_choices(child)))
    return tuple(choices.values())


def _find_choice(choices: Sequence[Choice], category: Category) -> Choice | None:
    for name in (category.title, category.id, *category.labels):
        for choice in choices:
            if fold(name.strip()) in choice.names:
                return choice
    return None


def _attributes(tag: Element) -> dict[str, str]:
    """Return the attributes in lower case: Label Studio's editor ignores the case of their names."""
    return {name.casefold(): value for name, value in tag.attrib.items()}


def _is_true(attributes: dict[str, str], name: str) -> bool:
    return attributes.get(name, "").strip().casefold() == "true"


def write_matches(
    result: Sequence[Mapping[str, Any]], matches: Mapping[str, ShownMatch], control: MatchControl | None
) -> list[Json]:
    """
    Write the matches of regions, by region id, into the result of a prediction, in place of earlier matches.

    Each matched rectangle gets its text and keys as its `meta`, which the editor shows beside the region. If the match
    has a path, a result of the control follows, in the form that the editor posts. A region without a match loses both.
    Everything else stays; a second call changes nothing.
    """
    ids = {item.get("id") for item in result if _is_rectangle(item)}
    written: list[Json] = []
    for item in result:
        if _is_earlier_match(item, ids, control):
            continue
        if not _is_rectangle(item):
            written.append(dict(item))
            continue
        match = matches.get(str(item.get("id")))
        region = _with_meta(item, {"text": [match.text], KEYS: match.keys} if match else {})
        written.append(region)
        if match and match.path and control:
            written.append(_write_control_result(region, match, control))
    return written


def write_notes(result: Sequence[Mapping[str, Any]], notes: Mapping[str, str]) -> list[Json]:
    """Return a result without matches, with the notes of regions, by region id, that the editor shows beside them."""
    noted = [dict(item) for item in result]
    for item in noted:
        if note := notes.get(str(item.get("id"))):
            item["meta"] = {"text": [*_meta_of(item).get("text", ()), note]}
    return noted


def _is_rectangle(item: Mapping[str, Any]) -> bool:
    return item.get("type") == "rectanglelabels" and bool(item.get("id")) and isinstance(item.get("value"), Mapping)


def _is_earlier_match(item: Mapping[str, Any], ids: set[Any], control: MatchControl | None) -> bool:
    """Return whether an item is a match of this control, or of a former control of the label config."""
    if item.get("id") not in ids or item.get("type") not in list(ControlKind):
        return False
    return (control is not None and item.get("from_name") == control.name) or KEYS in _meta_of(item)


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


def _write_control_result(region: Json, match: ShownMatch, control: MatchControl) -> Json:
    value = {key: region["value"][key] for key in GEOMETRY if key in region["value"]}
    return {
        "id": region["id"],
        "from_name": control.name,
        "to_name": region.get("to_name"),
        "type": control.kind.value,
        **{key: region[key] for key in SIZE if key in region},
        "value": {**value, control.kind.value: [list(match.path)] if control.is_nested else list(match.path)},
        "meta": region["meta"],
        "score": round(match.score, DIGITS),
    }
