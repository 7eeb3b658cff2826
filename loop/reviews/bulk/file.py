"""Operations in a file: JSON, or one JSON object per line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from loop.errors import PayloadError

EXPECTED = "JSON, or one JSON object per line"


@dataclass(frozen=True, slots=True)
class OperationFile:
    """
    A file of operations, whose kind and *total* are known.

    A file of lines (*is_lines*) is read line by line; a JSON file is held in memory.
    """

    path: Path
    total: int
    is_lines: bool

    def operations(self) -> Iterator[tuple[str, object]]:
        """Yield the place and the JSON of each operation; a line that is not JSON is yielded as text."""
        if not self.is_lines:
            yield from ((f"operations[{index}]", item) for index, item in enumerate(_read_list(self.path)))
            return
        with _open(self.path) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield f"line {number}", _parse(line)


def look_through(path: Path) -> OperationFile:
    """Find out the kind of a file, and count its operations. Raises PayloadError if it is of neither kind."""
    try:
        with _open(path) as file:
            filled = (line for line in file if line.strip())
            first = next(filled, "")
            is_lines = not first.lstrip().startswith("[") and _is_operation(_parse(first))
            total = 1 + sum(1 for _ in filled) if is_lines else len(_read_list(path))
    except OSError as error:
        raise PayloadError(str(path), EXPECTED, error.strerror or type(error).__name__) from error
    except UnicodeDecodeError as error:
        raise PayloadError(str(path), f"{EXPECTED}, in UTF-8 or UTF-16", str(error)) from error
    return OperationFile(path, total, is_lines)


def _read_list(path: Path) -> list[object]:
    """Return the operations of a JSON file: a list, or the list `operations` of an object."""
    try:
        with _open(path) as file:
            content = json.load(file)
    except UnicodeDecodeError:
        raise
    except RecursionError as error:
        raise PayloadError(str(path), EXPECTED, "JSON nested too deeply") from error
    except ValueError as error:
        raise PayloadError(str(path), EXPECTED, str(error)) from error
    operations = content.get("operations") if isinstance(content, dict) else content
    if not isinstance(operations, list):
        raise PayloadError(str(path), "a list of operations", content)
    return operations


def _open(path: Path) -> IO[str]:
    """Open a file for reading in its own encoding, without the byte order mark."""
    with path.open("rb") as raw:
        encoding = json.detect_encoding(raw.read(200))
    return path.open(encoding=encoding)


def _parse(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return line


def _is_operation(content: object) -> bool:
    return isinstance(content, dict) and "operation" in content
