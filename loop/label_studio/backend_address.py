"""The address at which Label Studio reaches the backend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import httpx


@dataclass(frozen=True, slots=True)
class Door:
    """The backend's URL as Label Studio calls it, its basic auth, and the webhook secret of each project."""

    url: str
    user: str
    password: str
    secret_of: Callable[[int], str]

    def answers(self) -> bool:
        """Whether the backend answers at its address."""
        try:
            return httpx.get(f"{self.url}/health", timeout=2.0).is_success
        except httpx.HTTPError:
            return False
