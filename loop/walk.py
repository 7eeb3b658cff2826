"""A walk over many items in their order, for a limited time; the next walk goes on where it stopped."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator


class Walk:
    """
    One walk. It begins behind *after*, the last item that the walk before reached; empty: at the first item.

    An item counts as reached before it is processed, so that an item that always fails does not hold up the next ones.
    """

    def __init__(self, after: str = "", seconds: float = 60.0) -> None:
        self.after, self._deadline = after, time.monotonic() + seconds

    @property
    def has_time(self) -> bool:
        """Whether the time is not up."""
        return time.monotonic() < self._deadline

    def over(self, names: Iterable[str]) -> Iterator[str]:
        """Yield the names behind *after* in their order until the time is up, but one at least."""
        for position, name in enumerate(sorted(name for name in names if name > self.after)):
            if position and not self.has_time:
                return
            self.after = name
            yield name
        self.after = ""
