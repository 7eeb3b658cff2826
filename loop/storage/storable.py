"""Checks that the records can hold a value: ids of 64 bits, text that UTF-8 can write. Pure."""

from __future__ import annotations

import re
from typing import TypeGuard

LARGEST_ID = 2**63 - 1  # of a signed column of 64 bits
NOT_STORABLE = re.compile("[\0\ud800-\udfff]")  # PostgreSQL refuses NUL, UTF-8 half of a surrogate pair


def is_id(value: object) -> TypeGuard[int]:
    """Whether *value* can be the id of a project, task, annotation, prediction or user."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_ID


def is_text(value: object) -> TypeGuard[str]:
    """Whether *value* is text that every database can hold."""
    return isinstance(value, str) and not NOT_STORABLE.search(value)
