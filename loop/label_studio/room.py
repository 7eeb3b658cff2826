"""All that this room needs, built once by the wiring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from loop.access.logins import Login
from loop.label_studio.client import LabelStudio
from loop.label_studio.interactive.backend import InteractiveBackend
from loop.label_studio.projects import ClassStore, ProjectStore


@dataclass(frozen=True, slots=True)
class BackendAddress:
    """The backend's URL as Label Studio calls it, and of each project the login and the secret of the webhook."""

    url: str
    login_of: Callable[[int], Login]
    secret_of: Callable[[int], str]

    def answers(self) -> bool:
        """Whether the backend answers at its address."""
        import httpx

        try:
            return httpx.get(f"{self.url}/health", timeout=2.0).is_success
        except httpx.HTTPError:
            return False

    def answer_to_strangers(self) -> int:
        """Return the HTTP status of a request without a credential. Raises httpx.HTTPError."""
        import httpx

        return httpx.get(f"{self.url}/versions", timeout=2.0).status_code


@dataclass(frozen=True, slots=True)
class StudioRoom:
    """
    Label Studio itself, and the connected projects with their classes.

    *interactive* answers the click tools; without it the version that serves does.
    """

    client: LabelStudio
    backend: BackendAddress
    projects: ProjectStore
    classes: ClassStore
    interactive: InteractiveBackend | None = None

    def load_libraries(self) -> None:
        """Load what the client needs, in 0.4 s: a process that forks another for each job does so before."""
        import httpx  # noqa: F401
        import label_studio_sdk.base_client  # noqa: F401
