"""Cut what is long into lists of a size. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
PARAMETERS = 500  # SQLite takes a limited number of parameters


def chunked(items: Iterable[Item], size: int = PARAMETERS) -> Iterator[list[Item]]:
    """Yield the items in lists of *size*, by default as many as a query may have as parameters; the last is shorter."""
    every = list(items)
    return (every[start : start + size] for start in range(0, len(every), size))
