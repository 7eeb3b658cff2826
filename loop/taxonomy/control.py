"""The control of a label config that shows the match of each region. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from xml.etree.ElementTree import Element

from loop.label_studio.label_config import parse
from loop.label_studio.label_config_xml import root_of
from loop.taxonomy.taxonomy import Node


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

    def path_of(self, nodes: Sequence[Node]) -> tuple[str, ...]:
        """
        Return the choices for the *nodes* from a root down to a match, as deep as the control has them; may be empty.

        A node's title, id or label names a choice, ignoring case. Dynamic choices are not checked: the names of the
        nodes are returned.
        """
        if self.is_dynamic:
            names = tuple(node.name for node in nodes)
            return names if self.is_nested else names[-1:]
        if not self.is_nested:  # a flat list may have any level of the tree
            matching = (_find_choice(self.choices, node) for node in reversed(nodes))
            return next(((choice.value,) for choice in matching if choice), ())
        path: list[str] = []
        choices = self.choices
        for node in nodes:
            choice = _find_choice(choices, node)
            if choice is None:
                break
            path.append(choice.value)
            choices = choice.children
        return () if self.leaves_only and path and choices else tuple(path)


def find_control(xml: str) -> MatchControl | None:
    """
    Return the first `<Taxonomy>` that can show a match, else the first `<Choices>`, else None.

    Raises LabelConfigError as `label_config.parse` does.
    """
    image, root = parse(xml).to_name, root_of(xml)
    for tag, kind in (("Taxonomy", ControlKind.TAXONOMY), ("Choices", ControlKind.CHOICES)):
        for control in root.iter(tag):
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
        if child.tag != "Choice":
            for choice in _read_choices(child):
                choices.setdefault(choice.value, choice)
        elif value := attributes.get("alias") or attributes.get("value"):
            names = frozenset(attributes[key].strip().casefold() for key in ("alias", "value") if attributes.get(key))
            choices.setdefault(value, Choice(value, names, _read_choices(child)))
    return tuple(choices.values())


def _find_choice(choices: Sequence[Choice], node: Node) -> Choice | None:
    for name in (node.title, node.id, *node.labels):
        for choice in choices:
            if name.strip().casefold() in choice.names:
                return choice
    return None


def _attributes(tag: Element) -> dict[str, str]:
    """Return the attributes in lower case: Label Studio's editor ignores the case of their names."""
    return {name.casefold(): value for name, value in tag.attrib.items()}


def _is_true(attributes: dict[str, str], name: str) -> bool:
    return attributes.get(name, "").strip().casefold() == "true"
