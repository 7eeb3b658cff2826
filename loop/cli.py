"""The command `loop`."""

from __future__ import annotations

from collections.abc import Callable

import typer

from loop.commands import (
    bulk,
    clusters,
    datasets,
    deliveries,
    discovery,
    lineage,
    models,
    projects,
    references,
    reviews,
    running,
    taxonomy,
    trainings,
)
from loop.errors import LoopError

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


def main() -> None:
    """Run the command; an error of ours is one line, not a trace."""
    _told(app)


def _told(command: Callable[[], None]) -> None:
    try:
        command()
    except LoopError as error:
        typer.echo(f"loop: {error}", err=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
