"""Commands on YOLO datasets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from loop import convert

app = typer.Typer(no_args_is_help=True, help="YOLO datasets.")


@app.callback()
def _group() -> None:
    """YOLO datasets."""


@app.command("convert")
def convert_dataset(
    export: Annotated[Path, typer.Argument(help="Label Studio's JSON export.")],
    label_config: Annotated[Path, typer.Option("--label-config", help="The project's label config, a file.")],
    images: Annotated[Path, typer.Option("--images", help="The folder with the images.")],
    to: Annotated[Path, typer.Option("--out", help="The folder to make.")],
) -> None:
    """Make a YOLO dataset of a Label Studio export."""
    snapshot = convert.to_dataset(export, label_config.read_text(), images, to)
    typer.echo(json.dumps({"hash": snapshot.hash, "folder": str(snapshot.folder), **snapshot.report}, indent=2))
