"""How many parameters a query may have. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

AT_ONCE = 500  # SQLite takes a limited number of parameters


def chunks(items: Iterable[Any], size: int = AT_ONCE) -> Iterable[list[Any]]:
    """Cut into lists that a query may have as parameters."""
    every = list(items)
    return (every[start : start + size] for start in range(0, len(every), size))
