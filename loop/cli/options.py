"""Options, output and rooms that many commands share."""

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


def optional_project(text: str) -> Any:
    """Return the option `--project` of a command that works without one as well; *text* is its help."""
    return typer.Option("--project", min=1, max=LARGEST_ID, help=text)


ProjectId = Annotated[int, typer.Option("--project", min=1, max=LARGEST_ID, help="Label Studio's project id.")]
OneProject = Annotated[int | None, optional_project("Label Studio's project id.")]
Why = Annotated[str, typer.Option("--why", help="The reason, recorded with the change.")]
VersionName = Annotated[str, typer.Argument(help="A version, such as yolo_detector@1.2.0 or 1.2.0.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Most = Annotated[int, typer.Option("--most", min=1, max=LARGEST_ID, help="Largest number of rows, newest first.")]


def open_rooms(project: int | None = None) -> Rooms:
    """Bring the records up to date, and return all rooms. Raises UnknownProject if *project* is not connected."""
    from loop.wiring import build

    rooms = build(migrate=True)
    if project is not None:
        rooms.studio.projects.get(project)
    return rooms
