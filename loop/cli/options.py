"""Options and arguments that many commands share, and their output."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.console import Console

from loop.secrecy import redact
from loop.storage.storable import LARGEST_ID

if TYPE_CHECKING:
    from loop.rooms import Rooms


class _Screen:
    """The current stdout, with secrets redacted."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stdout, name)

    def write(self, text: str) -> int:
        """Print a text."""
        return sys.stdout.write(redact(text))


out = Console(file=cast("IO[str]", _Screen()), highlight=False, markup=False, emoji=False, soft_wrap=True)

ProjectId = Annotated[int, typer.Option("--project", min=1, max=LARGEST_ID, help="Label Studio's project id.")]
OneProject = Annotated[int | None, typer.Option("--project", min=1, max=LARGEST_ID, help="Label Studio's project id.")]
Why = Annotated[str, typer.Option("--why", help="The reason, recorded with the change.")]
VersionName = Annotated[str, typer.Argument(help="A version, such as yolo_detector@1.2.0 or 1.2.0.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def build_for(project_id: int) -> Rooms:
    """Build all rooms for a command on a connected project. Raises UnknownProject."""
    from loop.wiring import build

    rooms = build(migrate=True)
    rooms.studio.projects.get(project_id)
    return rooms
