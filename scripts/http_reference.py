"""Writes docs/http.md from the description of the routes that the backend itself answers with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from backend.openapi import document

Json = dict[str, Any]
INTRODUCTION = """\
Every route of the backend, as `GET /loop/api/v1/openapi.json` describes it (OpenAPI 3.1). [The API](api.md) says how
programs use it; [security](security.md) who may call it. Every error is `{"error": …, "type": …}`, with `"field"` where
one is to blame.
"""
SENDERS = {"basic": "a login", "bearer": "a token", "secret": "the secret of a webhook"}


def sections() -> Iterator[str]:
    """Yield a section for each route, and then one for each model."""
    described = document()
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield _route(f"{method.upper()} {path}", operation)
    yield "## Models"
    for name, schema in sorted(described["components"]["schemas"].items()):
        yield _model(name, schema)


def _route(name: str, operation: Json) -> str:
    senders = [SENDERS[kind] for way in operation.get("security", []) for kind in way]
    parts = [f"## `{name}`", f"{operation['summary']}. Asks for {' or '.join(senders) if senders else 'nothing'}."]
    if more := operation.get("description"):
        parts.append(more)
    if parameters := operation.get("parameters"):
        parts.append("\n".join(_parameter(parameter) for parameter in parameters))
    if content := operation.get("requestBody", {}).get("content"):
        parts.append(f"Takes {_type(next(iter(content.values()))['schema'])}.")
    answers = [_answer(status, answer) for status, answer in operation["responses"].items()]
    parts.append("\n".join(["| status | answer |", "| --- | --- |", *answers]))
    return "\n\n".join(parts)


def _parameter(parameter: Json) -> str:
    about = parameter.get("description") or parameter["schema"].get("description", "")
    place = "header" if parameter["in"] == "header" else parameter["in"]
    return f"- `{parameter['name']}` ({place}, {_type(parameter['schema'])}){f': {about}' if about else ''}"


def _answer(status: str, answer: Json) -> str:
    content = answer.get("content", {})
    schemas = [_type(part["schema"]) for part in content.values() if "schema" in part and status < "400"]
    return f"| {status} | {_cell(answer.get('description', ''))}{f' ({schemas[0]})' if schemas else ''} |"


def _model(name: str, schema: Json) -> str:
    parts = [f"### {name}", schema.get("description", "").strip()]
    required = set(schema.get("required", []))
    rows = [
        _field(key, field, "yes" if key in required else "no") for key, field in schema.get("properties", {}).items()
    ]
    if rows:
        parts.append("\n".join(["| field | type | required | meaning |", "| --- | --- | --- | --- |", *rows]))
    if example := next(iter(schema.get("examples", [])), None):
        parts.append(f"```json\n{json.dumps(example, ensure_ascii=False)}\n```")
    return "\n\n".join(part for part in parts if part)


def _field(key: str, field: Json, required: str) -> str:
    return f"| `{key}` | {_cell(_type(field))} | {required} | {_cell(field.get('description', ''))} |"


def _type(schema: Json) -> str:
    """Return the type of a value in words, with a link to its model."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_type(part) for part in schema[key]))
    if "enum" in schema or "const" in schema:
        return " or ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}" if schema.get("items") else "list"
    return str(schema.get("type", "any JSON"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\\\|")
