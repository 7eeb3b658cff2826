"""Reads a Label Studio JSON export, a task at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from loop.errors import PayloadError
from loop.label_studio.exports import (
    API_ANSWER,
    EXPECTED,
    check_all_listed,
    exported_task,
    kind_of_bytes,
    kind_of_task,
    kind_of_text,
)
from loop.label_studio.tasks import StoredTask

CHUNK = 1 << 20  # characters read at a time
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*("|\Z)|[\[\]{}]', re.DOTALL)  # the tokens that nest JSON
EDGE = 16  # characters: the longest word or escape that the end of the buffer may cut off


@dataclass(frozen=True, slots=True)
class NoTask:
    """An element of an export that is no task; *number* counts from 1."""

    number: int
    error: PayloadError
    is_other_kind: bool = False  # an element of another kind of export


def read_export(export: Path) -> Iterator[StoredTask | NoTask]:
    """
    Yield the tasks of a JSON export, or of an answer of /api/tasks/; it may be larger than memory.

    Each task without an `id` gets its number as `id`. An element that is no task is yielded as NoTask.

    Raises PayloadError if the file is no JSON list, after yielding the elements before the fault. Also raises it if the
    first element is of another kind of export, and at the end if no element is a task, or if an answer is only a page
    of the tasks.
    """
    tasks = number = 0
    for number, element in enumerate(_read_file(export), start=1):
        task = _read_task(element, number)
        if isinstance(task, NoTask) and task.is_other_kind and number == 1:
            raise PayloadError(str(export), EXPECTED, task.error.found)
        tasks += not isinstance(task, NoTask)
        yield task
    if number and not tasks:
        raise PayloadError(str(export), EXPECTED, "none of them a task")


def read_tasks(export: Path) -> Iterator[StoredTask]:
    """Yield the tasks of an export, without the elements that are no task."""
    return (task for task in read_export(export) if not isinstance(task, NoTask))


def _read_task(element: object, number: int) -> StoredTask | NoTask:
    where = f"element {number}"
    if isinstance(element, PayloadError):
        return NoTask(number, element)
    if not isinstance(element, dict):
        return NoTask(number, PayloadError(where, "a task, a JSON object", element))
    if kind := kind_of_task(element):
        return NoTask(number, PayloadError(where, EXPECTED, kind), is_other_kind=True)
    try:
        return exported_task(element, number)
    except PayloadError as error:
        return NoTask(number, error)


def _read_file(export: Path) -> Iterator[Any]:
    """Yield the elements of an export; a PayloadError stands for one that Python cannot read."""
    try:
        with export.open("rb") as raw:
            head = raw.read(200)
        if kind := kind_of_bytes(head):
            raise PayloadError(str(export), EXPECTED, kind)
        with export.open(encoding=json.detect_encoding(head)) as file:
            yield from _read_elements(file, str(export))
    except OSError as error:
        raise PayloadError(str(export), EXPECTED, error.strerror or type(error).__name__) from error
    except UnicodeDecodeError as error:
        raise PayloadError(str(export), "JSON in UTF-8 or UTF-16", str(error)) from error


def _read_elements(file: IO[str], name: str) -> Iterator[Any]:
    """
    Yield the elements of the list in a file.

    ijson cannot do this: it refuses NaN, which Python writes into JSON, and takes gigabytes for 50,000 open brackets.
    """
    decoder, buffer = json.JSONDecoder(), file.read(CHUNK)
    answer = API_ANSWER.match(buffer)
    at = answer.end() if answer else _skip_blanks(buffer, 0)
    if buffer[at : at + 1] != "[":
        raise PayloadError(name, EXPECTED, kind_of_text(buffer[: CHUNK // 64]))
    at, more, count = at + 1, CHUNK, 0
    while True:
        at = _skip_blanks(buffer, at)
        step = _read_step(decoder, buffer, at, is_first=not count)
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
        count, more = count + 1, CHUNK
        yield element
    if (buffer[_skip_blanks(buffer, at) :] + file.read(CHUNK)).strip() != ("}" if answer else ""):
        raise PayloadError(name, "JSON", "something after the end of the list")
    if answer:
        check_all_listed(name, answer[0], count)


def _read_step(
    decoder: json.JSONDecoder, buffer: str, at: int, *, is_first: bool
) -> tuple[Any, int, bool] | str | None:
    """Return the next element, its end, and whether the list ends; None to read on; a text for a fault."""
    if at >= len(buffer):
        return None
    if buffer[at] == "]":
        return None, at + 1, True
    if not is_first:
        if buffer[at] != ",":
            return f"expected a comma, found {buffer[at : at + 40]}"
        at = _skip_blanks(buffer, at + 1)
    try:
        element, end = decoder.raw_decode(buffer, at)
    except json.JSONDecodeError as error:
        is_cut = error.msg.startswith("Unterminated string") or error.pos >= len(buffer) - EDGE
        return None if is_cut else str(error)
    except (RecursionError, ValueError) as error:  # nested too deeply, or a number of more digits than Python reads
        return _step_over(buffer, at) if buffer[at] in "[{" else str(error)
    return None if end == len(buffer) else (element, end, False)  # a number may go on


def _step_over(buffer: str, at: int) -> tuple[PayloadError, int, bool] | None:
    """Return an error in place of an object or list that Python cannot read, and its end; None to read on."""
    end = _find_end(buffer, at)
    error = PayloadError("a task", "JSON that is less deeply nested, with shorter numbers", buffer[at : at + 40])
    return (error, end, False) if end else None


def _find_end(buffer: str, at: int) -> int | None:
    """The end of the object or list that begins at *at*; None if the buffer ends within it."""
    depth = 0
    for token in TOKEN.finditer(buffer, at):
        if token[0][0] == '"' and not token[1]:
            return None
        depth += (token[0] in "[{") - (token[0] in "]}")
        if not depth:
            return token.end()
    return None


def _skip_blanks(buffer: str, at: int) -> int:
    while at < len(buffer) and buffer[at] in " \t\n\r":
        at += 1
    return at
