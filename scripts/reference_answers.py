"""Describes in a sentence what a command prints with --json, from the return annotation of its function."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from importlib import import_module
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from loop.cli.answers.command import Done

OF_LIST = "list of "


def describe_answer(callback: Any) -> str:
    """Return the names in the JSON of a command; empty where its function prints it by itself."""
    function = inspect.unwrap(callback)
    hint = inspect.signature(function, eval_str=True).return_annotation
    return _describe(hint, function) if hint not in (None, inspect.Signature.empty) else ""


def _describe(hint: Any, function: Any) -> str:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _describe_text(parts[1], function)
    if origin in (Union, UnionType):
        return "; or ".join(_describe(part, function) for part in parts if part is not NoneType)
    if origin in (list, Sequence):
        return f"A list of objects: {_describe(parts[0], function)}"
    if isinstance(origin, type) and issubclass(origin, Iterator):
        return f"One object a line: {_describe(parts[0], function)}"
    if hint is Done:
        names = ", ".join(f"`{name}`" for name in dict.fromkeys(_list_names(function)))
        return f"`done`, `next`{f', and `of` with {names}' if names else ''}."
    assert is_dataclass(hint), f"{function.__qualname__}: {hint} has no names"
    return f"{', '.join(f'`{each.name}`' for each in fields(hint))}."


def _describe_text(text: str, function: Any) -> str:
    """Return a sentence as it is; *MODULE:CLASS* stands for a class that is not loaded with the command."""
    module, _, name = text.removeprefix(OF_LIST).partition(":")
    if " " in module or not module.startswith("loop."):
        return text
    kind = getattr(import_module(module), name)
    return _describe(list[kind] if text.startswith(OF_LIST) else kind, function)  # type: ignore[valid-type]


def _list_names(function: Any) -> Iterator[str]:
    """Yield the names that a function gives to `done`, or to a function beside it that does."""
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "done":
                yield from (keyword.arg for keyword in node.keywords if keyword.arg not in ("then", None))
            elif node.func.id.startswith("_done"):
                yield from _list_names(function.__globals__[node.func.id])
            elif node.func.id == "Done" and isinstance(node.args[-1], ast.Dict):
                yield from (str(key.value) for key in node.args[-1].keys if isinstance(key, ast.Constant))
