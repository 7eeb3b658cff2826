"""Commands on the taxonomy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loop.commands.options import out
from loop.decisions import taxonomy_format
from loop.decisions.taxonomy import Taxonomy, tree_lines
from loop.errors import TaxonomyError

app = typer.Typer(no_args_is_help=True, help="The tree of categories.")

File = Annotated[Path, typer.Argument(help="A taxonomy such as label_config/taxonomy.yaml.")]


@app.callback()
def _group() -> None:
    """The tree of categories."""


@app.command("check")
def check(file: File) -> None:
    """Read a taxonomy and say what is wrong with it; no server needed."""
    taxonomy = _read(file)
    said = f"{len(taxonomy.nodes)} nodes, {len(taxonomy.node_of_label)} labels, version {taxonomy.version}"
    out.print(f"{file}: {said}", markup=False, soft_wrap=True)


@app.command("show")
def show(file: File) -> None:
    """Draw a taxonomy as a tree; no server needed."""
    for line in tree_lines(_read(file)):
        out.print(line, markup=False, soft_wrap=True)


def _read(file: Path) -> Taxonomy:
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TaxonomyError("taxonomy", "a text file in UTF-8", f"{file}: {error}") from error
    return taxonomy_format.read(text)
