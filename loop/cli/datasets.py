"""Commands on YOLO datasets."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from loop.cli.grid import Field, show_table
from loop.cli.options import AsJson, ProjectId, out
from loop.datasets import assemble, convert
from loop.datasets.class_counts import CountedClass, count_classes
from loop.datasets.convert import ConversionPolicy
from loop.errors import PayloadError
from loop.settings import Settings
from loop.storage.text_file import naming, read_text
from loop.wiring import build

app = typer.Typer(no_args_is_help=True, help="YOLO datasets.")

ClassName = Annotated[str, typer.Argument(help="The name of a class, as `loop dataset classes` shows it.")]


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
    if not images.is_dir():
        raise PayloadError("--images", "a folder with the images", str(images))
    settings = Settings.read()
    policy = ConversionPolicy(settings.held_out_share, settings.group_field, settings.twin_bits, settings.image_pixels)
    with naming(label_config):
        snapshot = convert.to_dataset(export, read_text(label_config, "a label config in XML"), images, to, policy)
    typer.echo(json.dumps({"hash": snapshot.hash, "folder": str(snapshot.folder), **snapshot.report}, indent=2))


@app.command()
def leaks(
    project: ProjectId,
    as_json: AsJson = False,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Take these training tasks out of training, until they are put back.")
    ] = False,
    put_back: Annotated[
        bool, typer.Option("--put-back", help="First let all be trained on that was left out.")
    ] = False,
) -> None:
    """Show the training tasks of one group with, or near-duplicates of, held-out ones: they make measures too good."""
    parts = build(migrate=True)
    back = parts.splits.put_back(project) if put_back else 0
    found = assemble.find_leaks(parts, project)
    if leave_out:
        parts.splits.leave_out(project, [leak.train for leak in found])
    left_out = len(found) if leave_out else 0
    if as_json:
        pairs = [asdict(leak) for leak in found]
        typer.echo(json.dumps({"leaks": pairs, "left_out": left_out, "put_back": back}, indent=2))
        return
    if found:
        fields = (
            Field("training task", is_number=True),
            Field("held-out task", is_number=True),
            Field("why", folds=True),
        )
        show_table(out, fields, [(str(leak.train), str(leak.held_out), leak.why) for leak in found])
    else:
        out.print(f"project {project}: no leaks")
    if back or left_out:
        out.print(f"put back: {back}; left out of training: {left_out}")


@app.command()
def classes(project: ProjectId, as_json: AsJson = False) -> None:
    """List the classes by id, with how many boxes reviewers left of each."""
    rows = count_classes(build(migrate=True), project)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    fields = (
        Field("id", is_number=True),
        Field("name", folds=True),
        Field("boxes", is_number=True),
        Field("in the label config", rank=1),
        Field("note", folds=True),
    )
    show_table(out, fields, [_class_row(row) for row in rows])


def _class_row(row: CountedClass) -> tuple[str, ...]:
    notes = [f"was {', '.join(row.of.former)}"] if row.of.former else []
    notes += [f"part of class {row.of.merged_into}"] if row.of.merged_into is not None else []
    notes += ["retired"] if row.of.is_retired else []
    notes += ["to be renamed or retired, or given back to the label config"] if row.is_undecided else []
    return (str(row.of.id), row.of.name, str(row.boxes), "yes" if row.is_in_config else "no", "; ".join(notes))


@app.command("rename-class")
def rename_class(old: ClassName, new: Annotated[str, typer.Argument(help="Its new name.")], project: ProjectId) -> None:
    """Give a class another name, or merge it into the one of that name; old reviews and detectors mean the new one."""
    parts = build(migrate=True)
    parts.projects.get(project)
    now = parts.classes.rename(project, old, new)
    told = f"is part of {new!r} (id {now.merged_into})" if now.merged_into is not None else f"is called {new!r}"
    out.print(f"class {now.id}, {old!r}, {told}")


@app.command("retire-class")
def retire_class(
    name: ClassName,
    project: ProjectId,
    undo: Annotated[bool, typer.Option("--undo", help="Take its boxes in again.")] = False,
) -> None:
    """Drop the boxes of a class from the datasets to come; its id stays taken."""
    parts = build(migrate=True)
    parts.projects.get(project)
    one = parts.classes.retire(project, name, is_retired=not undo)
    out.print(f"class {one.id}, {name!r}, is {'taken in again' if undo else 'retired'}")
