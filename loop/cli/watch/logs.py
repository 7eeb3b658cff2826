"""The command that shows the logs of the parts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated

import typer

from loop.cli.options import out
from loop.cli.terminal.completion import complete_parts
from loop.installation.watching.part_logs import PartLine, PartLogs
from loop.storage.home_folder import find_home
from loop.storage.storable import LARGEST_ID

app = typer.Typer()
EVERY = 0.5  # seconds between two looks
STYLES = {"WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}


@app.command()
def logs(
    part: Annotated[
        str,
        typer.Argument(
            metavar="[PART]",
            help="A part such as web or worker-gpu, or its beginning; empty: all.",
            autocompletion=complete_parts,
        ),
    ] = "",
    follows: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines, until Ctrl-C.")] = False,
    count: Annotated[int, typer.Option("--lines", "-n", min=1, max=LARGEST_ID, help="Number of last lines.")] = 50,
) -> Iterator[PartLine]:
    """
    Show the logs of the parts of `loop up`, oldest line first.

    They stand in LOOP_HOME/logs, a file for each part, of 10 MB at most and
    as much before it. Programs find one line of JSON for each record there.
    """
    files = PartLogs(find_home() / "logs", part)
    for line in files.last(count):
        _show(line)
        yield line
    while follows:
        for line in files.fresh():
            _show(line)
            yield line
        time.sleep(EVERY)


def _show(line: PartLine) -> None:
    at = line.at[:19].replace("T", " ")
    out.print(f"{at:<19} {line.part:<18} {line.level:<8}{line.message}", style=STYLES.get(line.level))
    for each in line.trace.splitlines():
        out.print(f"    {each}")
