"""Commands on YOLO datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loop.cli.answers.command import Done, done
from loop.cli.grid import Field, show_table
from loop.cli.messages import narrate
from loop.cli.options import ProjectId, open_rooms, out, print_for_all
from loop.errors import PayloadError
from loop.settings import Settings
from loop.storage.text_file import naming, read_text

if TYPE_CHECKING:
    from loop.datasets.class_counts import CountedClass

app = typer.Typer()
dataset_group = typer.Typer(no_args_is_help=True, help="YOLO datasets.")
app.add_typer(dataset_group, name="dataset")

SnapshotReport = Annotated[dict[str, Any], "`hash` and `folder` of the dataset, and the counts of its report."]
ClassName = Annotated[str, typer.Argument(help="The name of a class, as `loop dataset classes` shows it.")]


@dataset_group.callback()
def _group() -> None:
    """YOLO datasets."""


@dataset_group.command("convert")
def convert_dataset(
    export: Annotated[Path, typer.Argument(help="Label Studio's JSON export.")],
    label_config: Annotated[Path, typer.Option("--label-config", help="A file with the label config of the project.")],
    images: Annotated[Path, typer.Option("--images", help="The folder with the images.")],
    to: Annotated[Path, typer.Option("--out", help="The folder to write.")],
) -> SnapshotReport:
    """Convert a Label Studio export to a YOLO dataset, and print its report as JSON."""
    from loop.datasets import convert

    if not images.is_dir():
        raise PayloadError("--images", "a folder with the images", str(images))
    settings = Settings.read()
    policy = convert.ConversionPolicy(
        settings.held_out_share, settings.group_field, settings.twin_bits, settings.image_pixels
    )
    with naming(label_config):
        config = read_text(label_config, "a label config in XML")
        snapshot = convert.to_dataset(export, config, images, to, policy)
    report = {"hash": snapshot.hash, "folder": str(snapshot.folder), **snapshot.report}
    print_for_all(report)
    return report


@dataset_group.command("export")
def export_dataset(
    project: ProjectId,
    to: Annotated[Path, typer.Option("--out", help="The folder to write.")],
) -> SnapshotReport:
    """
    Write the dataset that a training would use now, with its manifest.

    `loop import --format yolo` reads it.
    """
    from loop.datasets import assemble

    rooms = open_rooms(project)
    with narrate(f"project {project}: writing the dataset"):
        snapshot = assemble.export_dataset(rooms.datasets, project, to)
    report = {"hash": snapshot.hash, "folder": str(snapshot.folder), **snapshot.report}
    print_for_all(report)
    return report


@dataset_group.command()
def leaks(
    project: ProjectId,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Exclude these training tasks from training, until --put-back.")
    ] = False,
    put_back: Annotated[bool, typer.Option("--put-back", help="First include all excluded tasks again.")] = False,
) -> Annotated[dict[str, Any], "`leaks`: objects of `train`, `held_out` and `why`; `left_out`, `put_back`: counts."]:
    """Show leaks: training tasks of the same group as a held-out task, or near-duplicates of one."""
    from loop.datasets import assemble

    rooms = open_rooms()
    restored = rooms.datasets.splits.put_back(project) if put_back else 0
    with narrate(f"project {project}: comparing images"):
        leaked = assemble.find_leaks(rooms.datasets, project)
    if leave_out:
        rooms.datasets.splits.leave_out(project, [leak.train for leak in leaked])
    left_out = len(leaked) if leave_out else 0
    if leaked:
        fields = (
            Field("training task", is_number=True),
            Field("held-out task", is_number=True),
            Field("why", folds=True),
        )
        show_table(out, fields, [(str(leak.train), str(leak.held_out), leak.why) for leak in leaked])
    else:
        out.print(f"project {project}: no leaks")
    if restored or left_out:
        out.print(f"put back: {restored}; left out of training: {left_out}")
    elif leaked:
        out.print(f"next: no training starts before loop dataset leaks --project {project} --leave-out, or a repair")
    return {"leaks": leaked, "left_out": left_out, "put_back": restored}


@dataset_group.command()
def classes(project: ProjectId) -> Annotated[object, "list of loop.datasets.class_counts:CountedClass"]:
    """List the classes by id, with the number of reviewed boxes of each."""
    from loop.datasets.class_counts import count_classes

    rows = count_classes(open_rooms().datasets, project)
    fields = (
        Field("id", is_number=True),
        Field("name", folds=True),
        Field("boxes", is_number=True),
        Field("in the label config", rank=1),
        Field("note", folds=True),
    )
    show_table(out, fields, [_class_row(row) for row in rows])
    return rows


def _class_row(row: CountedClass) -> tuple[str, ...]:
    notes = [f"was {', '.join(row.of.former)}"] if row.of.former else []
    notes += [f"part of class {row.of.merged_into}"] if row.of.merged_into is not None else []
    notes += ["retired"] if row.of.is_retired else []
    notes += ["to be renamed or retired, or given back to the label config"] if row.is_undecided else []
    return (str(row.of.id), row.of.name, str(row.boxes), "yes" if row.is_in_config else "no", "; ".join(notes))


@dataset_group.command("rename-class")
def rename_class(
    old: ClassName, new: Annotated[str, typer.Argument(help="The new name of the class.")], project: ProjectId
) -> Done:
    """
    Rename a class, or merge it into the class that has the new name.

    Old reviews and detectors follow.
    """
    from loop.label_studio.classes import RETIRED

    rooms = open_rooms(project)
    renamed = rooms.studio.classes.rename(project, old, new)
    is_merged = renamed.merged_into is not None
    change = f"is part of {new!r} (id {renamed.merged_into})" if is_merged else f"is called {new!r}"
    if new in rooms.studio.classes.book(project).labels(()).retired:
        change += f", which is {RETIRED}"
    then = (
        f"the label {old!r} stays in Label Studio: rename it in the label config of the project too",
        f"loop sync --project {project} reads the reviews again; the next training learns the new name",
    )
    return done(f"class {renamed.id}, {old!r}, {change}", then=then, project=project, class_id=renamed.id)


@dataset_group.command("retire-class")
def retire_class(
    name: ClassName,
    project: ProjectId,
    undo: Annotated[bool, typer.Option("--undo", help="Include the boxes of the class again.")] = False,
) -> Done:
    """
    Leave the boxes of a class out of future datasets.

    Its id stays reserved.
    """
    rooms = open_rooms(project)
    retired = rooms.studio.classes.retire(project, name, is_retired=not undo)
    line = f"class {retired.id}, {name!r}, is {'taken in again' if undo else 'retired'}"
    then = "it counts from the next training on; the version that serves goes on as it was trained"
    return done(line, then=then, project=project, class_id=retired.id)
