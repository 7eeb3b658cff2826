"""The command `loop`."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from typer.main import get_command

from loop.commands import (
    bulk,
    clusters,
    datasets,
    deliveries,
    discovery,
    events,
    lineage,
    models,
    projects,
    references,
    reviews,
    running,
    taxonomy,
    trainings,
)
from loop.commands.failures import BUG, FAILED, INTERRUPTED, Teller, explain, note_bug
from loop.secrecy import redact

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Label Studio, YOLO, and a loop that learns.",
)
for commands in (running, projects, reviews, trainings, lineage, discovery):
    app.add_typer(commands.app)
app.add_typer(models.app, name="models")
app.add_typer(datasets.app, name="dataset")
app.add_typer(taxonomy.app, name="taxonomy")
app.add_typer(clusters.app, name="clusters")
app.add_typer(bulk.app, name="annotations")
app.add_typer(references.app, name="references")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(events.app, name="events")


def main() -> None:
    """Run the command of this process."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started the command
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 (as long as the process)
        getattr(sys, name).reconfigure(errors="backslashreplace")  # a label may have any character
    logging.lastResort = Teller(logging.WARNING)  # of a command that sets up no log of its own
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; an error is a message on stderr, never a trace."""
    try:
        return _run(arguments)
    except BrokenPipeError:
        return _without_reader()
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 (the last resort: what nobody acted on)
        message = explain(error)
        typer.echo(f"loop: {redact(message or note_bug(error, list(arguments)))}", err=True)
        return FAILED if message else BUG


def _run(arguments: Sequence[str]) -> int:
    try:
        get_command(app)(list(arguments), prog_name="loop")
    except SystemExit as end:  # as every command of Typer ends
        sys.stdout.flush()
        return end.code if isinstance(end.code, int) else FAILED
    return 0


def _without_reader() -> int:
    """End quietly where what read the output went away, as in `loop verdicts … | head`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains when it flushes
    return FAILED


if __name__ == "__main__":
    main()
