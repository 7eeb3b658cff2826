"""Text files that people wrote, in the encoding that they are in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loop.errors import LabelConfigError, PayloadError, TaxonomyError

_DECLARED = re.compile(rb"\s*<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z][\w.-]*)")


def encoding_of(head: bytes) -> str:
    """The encoding of a text that begins like this: what its XML declares, its byte order mark, its zeros, or UTF-8."""
    declared = _DECLARED.match(head)
    if declared and not declared[1].lower().startswith(b"utf-16"):  # in which it could not be read here
        return declared[1].decode()
    return json.detect_encoding(head)


def read_text(path: Path, expected: str) -> str:
    """Read a whole text file. Raises PayloadError, naming the file and what was *expected*, where it is none."""
    try:
        content = path.read_bytes()
        return content.decode(encoding_of(content[:200]))
    except OSError as error:
        raise PayloadError(str(path), expected, error.strerror or type(error).__name__) from error
    except (UnicodeDecodeError, LookupError) as error:
        raise PayloadError(str(path), f"{expected}; save it as UTF-8", _undecodable(error)) from error


@contextmanager
def naming(path: Path | None) -> Iterator[None]:
    """Have an error in a label config or a taxonomy that came out of a file name the file."""
    try:
        yield
    except (LabelConfigError, TaxonomyError) as error:
        if path is None:
            raise
        raise type(error)(f"{path}: {error.field}", error.expected, error.found) from error


def _undecodable(error: UnicodeDecodeError | LookupError) -> str:
    if isinstance(error, LookupError):
        return str(error)
    return f"byte {error.object[error.start]:#04x} at position {error.start}, which is no {error.encoding.upper()}"
