"""Operations in a file: JSON, or a JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from loop.errors import PayloadError
from loop.storage.text_file import encoding_of

EXPECTED = "JSON, or a JSON object a line"


@dataclass(frozen=True, slots=True)
class OperationFile:
    """
    A file of operations, looked through once when it was opened.

    *is_lines* tells a file of lines, which is read as it goes, from one of JSON, which is held in memory.
    """

    path: Path
    total: int
    is_lines: bool

    def operations(self) -> Iterator[tuple[str, object]]:
        """Each operation with where it stands; a line that is no JSON comes as the text it is."""
        if not self.is_lines:
            yield from ((f"operations[{at}]", one) for at, one in enumerate(_listed(self.path)))
            return
        with _opened(self.path) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield f"line {number}", _parsed(line)


def look_through(path: Path) -> OperationFile:
    """Tell which kind of file it is and how much is in it. Raises PayloadError where it is neither kind."""
    try:
        with _opened(path) as file:
            filled = (line for line in file if line.strip())
            first = next(filled, "")
            is_lines = not first.lstrip().startswith("[") and _is_operation(_parsed(first))
            total = 1 + sum(1 for _ in filled) if is_lines else len(_listed(path))
    except OSError as error:
        raise PayloadError(str(path), EXPECTED, error.strerror or type(error).__name__) from error
    except UnicodeDecodeError as error:
        raise PayloadError(str(path), f"{EXPECTED}, in UTF-8 or UTF-16", str(error)) from error
    return OperationFile(path, total, is_lines)


def _listed(path: Path) -> list[object]:
    """The operations of a JSON file: a list, or an object with a list of that name."""
    try:
        with _opened(path) as file:
            found = json.load(file)
    except UnicodeDecodeError:
        raise
    except RecursionError as error:
        raise PayloadError(str(path), EXPECTED, "JSON nested too deeply") from error
    except ValueError as error:
        raise PayloadError(str(path), EXPECTED, str(error)) from error
    operations = found.get("operations") if isinstance(found, dict) else found
    if not isinstance(operations, list):
        raise PayloadError(str(path), "a list of operations", found)
    return operations


def _opened(path: Path) -> IO[str]:
    """Open a file for reading, in the encoding that it is in, without its byte order mark."""
    with path.open("rb") as raw:
        encoding = encoding_of(raw.read(200))
    return path.open(encoding=encoding)


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return line


def _is_operation(found: object) -> bool:
    return isinstance(found, dict) and "operation" in found
