"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from loop.label_studio.client import LabelStudio
from loop.label_studio.projects import ClassStore, ProjectStore


@dataclass(frozen=True, slots=True)
class BackendAddress:
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


@dataclass(frozen=True, slots=True)
class StudioRoom:
    """Label Studio itself, and the connected projects with their classes."""

    client: LabelStudio
    backend: BackendAddress
    projects: ProjectStore
    classes: ClassStore
