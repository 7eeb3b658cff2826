"""Options, output and rooms that many commands share."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import IO, TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.console import Console
from rich.segment import Segment

from loop.printable import as_line, escape, printable
from loop.secrecy import redact
from loop.storage.storable import LARGEST_ID

if TYPE_CHECKING:
    from loop.rooms import Rooms


class _Stdout:
    """The current stdout, with secrets redacted."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stdout, name)

    def write(self, text: str) -> int:
        """Print a text."""
        return sys.stdout.write(redact(text))


class Door(Console):
    """
    The one way of text to the terminal, which obeys none of it: no markup, no control characters.

    A string is one line, of limited length. A table keeps its own lines.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print lines, tables and other renderables."""
        super().print(*(as_line(item) if isinstance(item, str) else item for item in objects), **options)

    def render(self, renderable: Any, options: Any = None) -> Iterable[Segment]:
        """Yield the pieces of what is printed; Rich's own colours come after this."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))


out = Door(file=cast("IO[str]", _Stdout()), soft_wrap=True)


def print_json(value: Any, *, indent: int | None = 2, default: Callable[[Any], Any] | None = None) -> None:
    """Print a value as JSON; *default* gives a form to what has none."""
    print_json_text(json.dumps(value, indent=indent, default=default))


def print_json_text(text: str) -> None:
    """Print JSON that is written already."""
    typer.echo(escape(text))


def print_text(text: str) -> None:
    """Print a whole text for programs: as it is into a pipe, without control characters on a terminal."""
    sys.stdout.write(f"{printable(text) if sys.stdout.isatty() else text}\n")  # Typer would take colours out


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
    """
    Bring the records up to date, and return all rooms.

    Raises UnknownProject if *project* is not connected, and MachineUnfit for records that another machine upgrades.
    """
    from loop.wiring import build

    rooms = build()
    rooms.installation.machine.update_records()
    if project is not None:
        rooms.studio.projects.get(project)
    return rooms
