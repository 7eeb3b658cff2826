"""What the records can hold: ids of 64 bits, text that UTF-8 can write, names up to a length. Pure."""

from __future__ import annotations

import hashlib
import re
from typing import TypeGuard

LARGEST_ID = 2**63 - 1  # of a signed column of 64 bits
LONGEST_NAME = 2000  # characters of a label, an id, the name of a version
LONGEST_ADDRESS = 8192  # characters of the address of an image that is no data: URI
NOT_STORABLE = re.compile("[\0\ud800-\udfff]")  # PostgreSQL refuses NUL, UTF-8 half of a surrogate pair


def is_id(value: object) -> TypeGuard[int]:
    """Whether *value* can be the id of a project, task, annotation, prediction or user."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_ID


def is_text(value: object) -> TypeGuard[str]:
    """Whether *value* is text that every database can hold."""
    return isinstance(value, str) and not NOT_STORABLE.search(value)


def fit(text: str, most: int = LONGEST_NAME) -> str:
    """Return a text of at most *most* characters: a longer one is its beginning and its digest, as unique as itself."""
    if len(text) <= most:
        return text
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    return f"{text[: most - len(digest) - 1]}…{digest}"
