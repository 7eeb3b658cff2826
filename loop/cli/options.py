"""Options, output and rooms that many commands share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import IO, TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.console import Console
from rich.segment import Segment

from loop.cli.terminal import streams
from loop.cli.terminal.completion import complete_projects, complete_versions
from loop.printable import as_line, escape, printable
from loop.secrecy import redact
from loop.storage.storable import LARGEST_ID

if TYPE_CHECKING:
    from loop.rooms import Rooms


class _Stdout:
    """The current stdout, with secrets redacted."""

    def __getattr__(self, name: str) -> Any:
        return getattr(streams.stdout, name)

    def write(self, text: str) -> int:
        """Print a text."""
        return streams.stdout.write(redact(text))


class Door(Console):
    """
    The one way of text to the terminal, which obeys none of it: no markup, no control characters.

    A string is one line, of limited length. A table keeps its own lines.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)
        self.prints_json = False  # a line of JSON for each line

    def print(self, *objects: Any, **options: Any) -> None:
        """Print lines, tables and other renderables."""
        if self.prints_json:
            print_json({"line": as_line(" ".join(map(str, objects)))}, indent=None)
            return
        super().print(*(as_line(item) if isinstance(item, str) else item for item in objects), **options)

    def render(self, renderable: Any, options: Any = None) -> Iterable[Segment]:
        """Yield the pieces of what is printed; Rich's own colours come after this."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))


out = Door(file=cast("IO[str]", _Stdout()), soft_wrap=True)


def as_plain(value: object) -> Any:
    """Return a dataclass, or whatever has some, as plain JSON: times in ISO 8601, a number that is none as null."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value, inf_nan_mode="null", fallback=str)


def print_json(value: Any, *, indent: int | None = 2, default: Callable[[Any], Any] | None = None) -> None:
    """Print a value as JSON; *default* gives a form to what has none."""
    print_json_text(json.dumps(value, indent=indent, default=default))


def print_json_text(text: str) -> None:
    """Print JSON that is written already."""
    streams.stdout.write(f"{escape(text)}\n")


def print_for_all(value: Any) -> None:
    """Print for a person what `--json` prints as well."""
    if not out.quiet:
        print_json(value, default=str)


def print_text(text: str) -> None:
    """Print a whole text for a person or a pipe: as it is into a pipe, without control characters on a terminal."""
    if not out.quiet:
        streams.stdout.write(f"{printable(text) if streams.stdout.isatty() else text}\n")


def optional_project(text: str) -> Any:
    """Return the option `--project`; *text* is its help."""
    return typer.Option("--project", min=1, max=LARGEST_ID, help=text, autocompletion=complete_projects)


ProjectId = Annotated[int, optional_project("Label Studio's project id.")]
OneProject = Annotated[int | None, optional_project("Label Studio's project id.")]
Why = Annotated[str, typer.Option("--why", help="The reason, recorded with the change.")]
VersionName = Annotated[
    str, typer.Argument(help="A version, such as yolo_detector@1.2.0 or 1.2.0.", autocompletion=complete_versions)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a program.")]
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


def judged_version(rooms: Rooms, project: int, name: str | None) -> str | None:
    """Return the full name of a version by its name, or by its number alone. Raises UnknownVersion."""
    from loop.errors import UnknownVersion

    if name is None:
        return None
    known = {version.name for version in rooms.registry.versions.list(project)}
    known |= rooms.rates.store.count_by_version(project).keys()  # also imported predictions
    own = f"{rooms.registry.versions.model_name}@{name}"  # before an imported version of the same number
    numbered = (each for each in sorted(known) if name in (each, each.rpartition("@")[2]))
    full = own if own in known else next(numbered, None)
    if full is None:
        raise UnknownVersion(name, sorted(known))
    return full
