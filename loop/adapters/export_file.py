"""A Label Studio JSON export, read a task at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from loop.adapters.text_file import encoding_of
from loop.decisions.export_kinds import API_ANSWER, EXPECTED, kind_of_bytes, kind_of_task, kind_of_text
from loop.errors import PayloadError

CHUNK = 1 << 20  # characters read at a time
EDGE = 16  # characters: a word or an escape cut off at the end of what was read is at most as long


def read_export(export: Path) -> Iterator[dict[str, Any]]:
    """
    Yield the tasks of a JSON export, or of an answer of /api/tasks/; it may be larger than memory.

    Each task gets an `id`, its number, if it has none.

    Raises PayloadError, at the first place that is not one; so what came before may have been yielded.
    """
    try:
        with export.open("rb") as raw:
            head = raw.read(200)
        if kind := kind_of_bytes(head):
            raise PayloadError(str(export), EXPECTED, kind)
        with export.open(encoding=encoding_of(head)) as file:
            for number, task in enumerate(_elements(file, str(export)), start=1):
                if not isinstance(task, dict):
                    raise PayloadError(str(export), EXPECTED, task)
                if kind := kind_of_task(task):
                    raise PayloadError(str(export), EXPECTED, kind)
                yield {"id": number, **task}
    except OSError as error:
        raise PayloadError(str(export), EXPECTED, error.strerror or type(error).__name__) from error
    except UnicodeDecodeError as error:
        raise PayloadError(str(export), "JSON in UTF-8 or UTF-16", str(error)) from error


def _elements(file: IO[str], name: str) -> Iterator[Any]:
    """The elements of the one list in a file."""
    decoder, buffer = json.JSONDecoder(), file.read(CHUNK)
    answer = API_ANSWER.match(buffer)
    at = answer.end() if answer else _blank(buffer, 0)
    if buffer[at : at + 1] != "[":
        raise PayloadError(name, EXPECTED, kind_of_text(buffer[: CHUNK // 64]))
    at, more, is_first = at + 1, CHUNK, True
    while True:
        at = _blank(buffer, at)
        step = _step(decoder, buffer, at, is_first=is_first)
        if step is None:  # the buffer ends within an element
            read = file.read(more)
            if not read:
                raise PayloadError(name, "JSON", f"the end of the file within a task: {buffer[at : at + 40]}")
            buffer, at, more = buffer[at:] + read, 0, more * 2
            continue
        if isinstance(step, str):
            raise PayloadError(name, "JSON", step)
        element, at, is_last = step
        if is_last:
            break
        yield element
        is_first, more = False, CHUNK
    if (buffer[_blank(buffer, at) :] + file.read(CHUNK)).strip() != ("}" if answer else ""):
        raise PayloadError(name, "JSON", "something after the end of the list")


def _step(decoder: json.JSONDecoder, buffer: str, at: int, *, is_first: bool) -> tuple[Any, int, bool] | str | None:
    """The next element, where it ends, and whether it was the list's end; None: read on; a text: what is wrong."""
    if at >= len(buffer):
        return None
    if buffer[at] == "]":
        return None, at + 1, True
    if not is_first:
        if buffer[at] != ",":
            return f"expected a comma, found {buffer[at : at + 40]}"
        at = _blank(buffer, at + 1)
    try:
        element, end = decoder.raw_decode(buffer, at)
    except RecursionError:
        return "a task that is nested too deeply"
    except json.JSONDecodeError as error:
        is_cut = error.msg.startswith("Unterminated string") or error.pos >= len(buffer) - EDGE
        return None if is_cut else str(error)
    return None if end == len(buffer) else (element, end, False)  # a number may go on


def _blank(buffer: str, at: int) -> int:
    while at < len(buffer) and buffer[at] in " \t\n\r":
        at += 1
    return at
