"""Read and write `taxonomy.yaml`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from loop.errors import TaxonomyError
from loop.storage.storable import is_text
from loop.taxonomy.taxonomy import Enrichment, Mode, Node, Taxonomy, find_errors, raise_all
from loop.yaml_text import load

KEYS = ("id", "title", "parent", "labels", "examples", "threshold", "enrichment")


def read(text: str) -> Taxonomy:
    """
    Read a taxonomy: a mapping whose only key is `nodes`, a list of mappings with the keys above.

    Raises TaxonomyError, with the node and the field, for unreadable content and for nodes that are no tree. It has
    all errors of the file; only one if the YAML itself is wrong.
    """
    try:
        content = load(text, _TaxonomyLoader)
    except ValueError as error:
        raise TaxonomyError("taxonomy", "well-formed YAML", str(error)) from error
    if content is None:
        return Taxonomy()
    if not isinstance(content, Mapping) or set(content) - {"nodes"}:
        raise TaxonomyError("taxonomy", "one key `nodes`", content)
    nodes = content.get("nodes") or []
    if not isinstance(nodes, list):
        raise TaxonomyError("nodes", "a list of nodes", nodes)
    reader = _NodeReader()
    read_nodes = [reader.read(node, f"node {place}") for place, node in enumerate(nodes, start=1)]
    named = [node for node in read_nodes if node is not None]
    raise_all([*reader.errors, *find_errors(named, are_all=len(named) == len(nodes))])
    return Taxonomy(tuple(named))


class _TaxonomyLoader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no types
    """Loads plain values, and refuses a mapping with a duplicate key: the first value would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} twice", node.start_mark)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


class _TaxonomyDumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes text with unprintable characters in double quotes: otherwise PyYAML would not read it back."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_TaxonomyDumper.add_representer(str, _represent_text)


def write(taxonomy: Taxonomy) -> str:
    """Write a taxonomy for `read`, in printable characters, without empty fields; comments are lost."""
    if not taxonomy.nodes:
        return "nodes: []\n"
    return _escape("nodes:\n" + "".join(map(_write_node, taxonomy.nodes)))


def _escape(text: str) -> str:
    """Write unprintable characters, which all stand in double quotes, by their numbers: no page eats them then."""
    return "".join(each if each.isprintable() or each == "\n" else f"\\U{ord(each):08X}" for each in text)


class _NodeReader:
    """Reads nodes, and collects the errors in them; a field with an error is empty."""

    def __init__(self) -> None:
        self.errors: list[TaxonomyError] = []

    def read(self, content: object, where: str) -> Node | None:
        """Read one node; None if it has no id."""
        if not isinstance(content, Mapping):
            self._refuse(where, f"a mapping with the keys {', '.join(KEYS)}", content)
            return None
        before = len(self.errors)
        node_id = self._read_text(content, "id", where)
        if not node_id:
            if len(self.errors) == before:
                self._refuse(f"{where} id", "a name", content.get("id"))
            return None
        where = f"node {node_id}"
        for key in content:
            if key not in KEYS:
                self._refuse(f"{where} {key}", f"one of the keys {', '.join(KEYS)}", str(key))
        return Node(
            id=node_id,
            title=self._read_text(content, "title", where),
            parent=self._read_text(content, "parent", where) or None,
            labels=self._read_texts(content, "labels", where),
            examples=self._read_texts(content, "examples", where),
            threshold=self._read_threshold(content, where),
            enrichment=self._read_enrichment(content.get("enrichment"), where),
        )

    def _refuse(self, where: str, expected: str, value: object) -> None:
        self.errors.append(TaxonomyError(where, expected, value))

    def _read_text(self, content: Mapping[Any, Any], key: str, where: str) -> str:
        value = content.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):  # `no` is a boolean and 1.10 a number in YAML
            self._refuse(f"{where} {key}", "text; put it in quotes", value)
            return ""
        if not is_text(value):
            self._refuse(f"{where} {key}", "text that can be stored, without \\0 and halves of \\u pairs", value)
            return ""
        return value.strip()

    def _read_texts(self, content: Mapping[Any, Any], key: str, where: str) -> tuple[str, ...]:
        values = content.get(key)
        if values is None:
            return ()
        if not isinstance(values, list):
            self._refuse(f"{where} {key}", "a list", values)
            return ()
        for value in values:
            if not is_text(value) or not value.strip():
                self._refuse(f"{where} {key}", "a list of texts; put each in quotes", value)
        known = [value for value in values if is_text(value) and value.strip()]
        texts = tuple(known if key == "labels" else map(str.strip, known))  # the label config may have a label "Car "
        if len(set(map(str.strip, texts))) < len(texts):
            self._refuse(f"{where} {key}", "each text once", values)
        return tuple(dict.fromkeys(texts))

    def _read_threshold(self, content: Mapping[Any, Any], where: str) -> float | None:
        value = content.get("threshold")
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            self._refuse(f"{where} threshold", "a number from 0 to 1", value)
            return None
        return float(value)

    def _read_enrichment(self, content: object, where: str) -> dict[str, Enrichment]:
        if content is None:
            return {}
        if not isinstance(content, Mapping):
            self._refuse(f"{where} enrichment", "a mapping of field to value", content)
            return {}
        for name in content:
            if not is_text(name):  # `on` and `yes` are one boolean, and 007 is the number 7
                self._refuse(f"{where} enrichment {name}", "a name that is text; put it in quotes", name)
        named = {name: value for name, value in content.items() if is_text(name)}
        fields = {name: self._read_field(value, f"{where} enrichment.{name}") for name, value in named.items()}
        return {name: field for name, field in fields.items() if field is not None}

    def _read_field(self, content: object, where: str) -> Enrichment | None:
        """Read `value`, or `{value: …, mode: append}`."""
        if is_text(content):
            return Enrichment(content)
        if not isinstance(content, Mapping) or set(content) - {"value", "mode"}:
            self._refuse(where, "text, or `value` and `mode`", content)
            return None
        if not is_text(content.get("value")):
            self._refuse(f"{where}.value", "text; put it in quotes", content.get("value"))
            return None
        mode = content.get("mode", Mode.REPLACE.value)
        if mode not in list(Mode):
            self._refuse(f"{where}.mode", " or ".join(Mode), mode)
            return None
        return Enrichment(content["value"], Mode(mode))


def _write_node(node: Node) -> str:
    """Write one node as an item of a block list."""
    fields: dict[str, Any] = {
        "id": node.id,
        "title": node.title,
        "parent": node.parent,
        "labels": list(node.labels),
        "examples": list(node.examples),
        "threshold": node.threshold,
        "enrichment": {
            name: field.value if field.mode is Mode.REPLACE else {"value": field.value, "mode": field.mode.value}
            for name, field in node.enrichment.items()
        },
    }
    filled = {key: value for key, value in fields.items() if value not in (None, "", [], {})}
    text: str = yaml.dump([filled], Dumper=_TaxonomyDumper, sort_keys=False, allow_unicode=True, width=120)
    return text
