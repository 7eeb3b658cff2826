"""A whole installation to be loaded: a real Label Studio, and `loop up` with a champion that really suggests."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from loop.rooms import Rooms
from loop.settings import Settings
from loop.wiring import build
from scripts.bench import weights
from scripts.demo import project as projects
from scripts.demo import scenes, services
from scripts.demo.label_studio import StudioServer, free_port, running


@dataclass(frozen=True, slots=True)
class LoadedInstallation:
    """What a benchmark loads and watches."""

    settings: Settings
    studio: StudioServer
    rooms: Rooms
    api: httpx.Client  # of Label Studio
    folder: Path

    def loop(self, *arguments: str) -> str:
        """Run a command of the loop; return its output."""
        return services.loop(self.settings, *arguments)

    def add_project(self, title: str, shown: list[scenes.Scene]) -> int:
        """Create a project whose tasks are scenes, and connect it; return its id."""
        project_id = projects.create(self.api, title, weights.LABELS)
        projects.upload(self.api, project_id, shown, lambda _: None)
        self.loop("connect", "--project", str(project_id))
        return project_id


@contextmanager
def installation(folder: Path, **variables: str) -> Iterator[LoadedInstallation]:
    """Start an installation with the defaults of a user, except for the *variables*; stop it at the end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # leaving the stack stops what was started
    with ExitStack() as stack:
        start = weights.start_weights(folder / "weights")
        studio = stack.enter_context(running(folder / "label-studio"))
        settings = Settings.read(
            {
                "LOOP_HOME": str(folder / "loop"),
                "LABEL_STUDIO_URL": studio.url,
                "LABEL_STUDIO_API_KEY": studio.token,
                "LOOP_PORT": str(free_port()),
                "LOOP_BASE_WEIGHTS": str(start),
                **variables,
            }
        )
        stack.enter_context(services.loop_up(settings, folder))
        rooms = stack.enter_context(closing(build(settings)))
        headers = {"Authorization": f"Token {studio.token}"}
        api = stack.enter_context(httpx.Client(base_url=studio.url, headers=headers, timeout=60))
        yield LoadedInstallation(settings, studio, rooms, api, folder)


def compose(count: int, seed: int) -> list[scenes.Scene]:
    """Compose scenes of the classes that the champion knows."""
    palette, _ = scenes.palettes(classes=weights.CLASSES)
    return scenes.compose(palette, count, seed=seed, prefix=f"s{seed}")
