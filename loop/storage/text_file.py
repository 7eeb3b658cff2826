"""Text files that people wrote, in whatever encoding."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from loop.errors import LabelConfigError, PayloadError, TaxonomyError

Named = TypeVar("Named", bound=PayloadError)
_DECLARED = re.compile(rb"\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z][\w.-]*)")


def _encoding_of(head: bytes) -> str:
    """Return the encoding of a text by its beginning: its XML declaration, byte order mark or zeros; else UTF-8."""
    declared = _DECLARED.match(head)
    if declared and not declared[1].lower().startswith(b"utf-16"):  # a declaration in ASCII cannot be UTF-16
        return declared[1].decode()
    return json.detect_encoding(head)


def read_text(path: Path, expected: str) -> str:
    """Read a whole text file. Raises PayloadError, with the file and the *expected* content, where it is no text."""
    try:
        content = path.read_bytes()
        return content.decode(_encoding_of(content[:200]))
    except OSError as error:
        raise PayloadError(str(path), expected, error.strerror or type(error).__name__) from error
    except (UnicodeError, LookupError) as error:
        raise PayloadError(str(path), f"{expected}; save it as UTF-8", _describe(error)) from error


@contextmanager
def naming(path: Path | None) -> Iterator[None]:
    """Add the name of the file to the errors in a label config or a taxonomy that was read from it."""
    try:
        yield
    except LabelConfigError as error:
        raise (_name(error, path) if path else error) from error
    except TaxonomyError as error:
        named = _name(error, path) if path else error
        named.others = tuple(_name(other, path) for other in error.others) if path else error.others
        raise named from error


def _name(error: Named, path: Path) -> Named:
    return type(error)(f"{path}: {error.field}", error.expected, error.found)


def _describe(error: UnicodeError | LookupError) -> str:
    if not isinstance(error, UnicodeDecodeError):
        return str(error)
    return f"byte {error.object[error.start]:#04x} at position {error.start}, which is no {error.encoding.upper()}"
