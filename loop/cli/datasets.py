"""Commands on YOLO datasets."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from loop.cli.grid import Field, show_table
from loop.cli.messages import narrate, show_count, tell
from loop.cli.options import AsJson, ProjectId, open_rooms, out, print_json
from loop.datasets import assemble, convert
from loop.datasets.class_counts import CountedClass, count_classes
from loop.datasets.convert import ConversionPolicy
from loop.errors import PayloadError
from loop.imports.class_names import ClassNaming, read_names
from loop.imports.find_tasks import label_tasks
from loop.imports.foreign import BoxNote
from loop.imports.formats import DatasetFormat, look_through
from loop.imports.import_dataset import import_dataset, plan_import
from loop.imports.outcome import ImportedImage, ImportPlan
from loop.label_studio.imports.tasks import LabelKind
from loop.policies import image_limits
from loop.settings import Settings
from loop.storage.text_file import naming, read_text

app = typer.Typer()
dataset_group = typer.Typer(no_args_is_help=True, help="YOLO datasets.")
app.add_typer(dataset_group, name="dataset")

MOST_NAMED = 5  # images of one kind that a table names
ClassName = Annotated[str, typer.Argument(help="The name of a class, as `loop dataset classes` shows it.")]


@dataset_group.callback()
def _group() -> None:
    """YOLO datasets."""


@app.command("import")
def import_labels(  # noqa: PLR0913, PLR0917 (each is an option)
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder with the dataset.")],
    project: ProjectId,
    kind: Annotated[DatasetFormat, typer.Option("--format", help="The format of the dataset.")],
    use: Annotated[
        LabelKind,
        typer.Option("--as", help="Reviews train, make references and are in no rate; predictions are reviewed first."),
    ] = LabelKind.REVIEWS,
    names: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="CLASS=LABEL", help="The label of a class; CLASS= leaves its boxes out."),
    ] = None,
    adds: Annotated[bool, typer.Option("--add-labels", help="Add labels that the label config lacks.")] = False,
    skips: Annotated[bool, typer.Option("--skip-classes", help="Leave out boxes of classes without a label.")] = False,
    keeps_split: Annotated[
        bool, typer.Option("--keep-split", help="Hold out the images in its folders val, valid, test or held_out.")
    ] = False,
    finds: Annotated[
        bool, typer.Option("--find", help="Upload nothing: label the tasks that show the images, by their names.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Import labels that exist elsewhere: a dataset in the format of YOLO, COCO or Pascal VOC.

    The images are uploaded, and a task is made of each. What is left out is
    counted, with the reason. A second run goes on where the first stopped.
    """
    from loop import jobs

    limits, rooms = image_limits(Settings.read()), open_rooms(project)
    with narrate(f"{folder}: reading labels"):
        found = look_through(folder, kind)
        classes = plan_import(rooms.reviews, project, found, ClassNaming(read_names(names or ()), adds, skips))
    keep_sides = partial(rooms.datasets.splits.keep_sides, project) if keeps_split else None
    work = label_tasks if finds else import_dataset
    outcomes = work(rooms.reviews, project, found, ImportPlan(use, classes, keep_sides), limits)
    done = list(show_count(outcomes, "images", found.images))
    _print_as_json(done, classes.added) if as_json else _show_imported(done, classes.added)
    tell(jobs.sync(project))


def _show_imported(images: list[ImportedImage], added: tuple[str, ...]) -> None:
    """Print the number of images and boxes by what became of them, with some names."""
    rows = []
    for note, count in Counter(image.note for image in images).most_common():
        reasons = [f"{image.name} ({image.why})" for image in images if image.note is note and image.why]
        more = f" and {len(reasons) - MOST_NAMED} more" if len(reasons) > MOST_NAMED else ""
        rows.append(("images", note.value, str(count), ", ".join(reasons[:MOST_NAMED]) + more))
    rows.append(("boxes", "imported", str(sum(image.boxes for image in images)), ""))
    notes = _sum_notes(images)
    rows += [("boxes", note.value, str(count), "") for note, count in notes.most_common()]
    rows += [("labels", "added to the label config", str(len(added)), ", ".join(added))] if added else []
    fields = (Field("of"), Field("what", folds=True), Field("number", is_number=True), Field("which", folds=True))
    show_table(out, fields, rows)


def _print_as_json(images: list[ImportedImage], added: tuple[str, ...]) -> None:
    notes = _sum_notes(images)
    print_json(
        {
            "images": Counter(image.note.value for image in images),
            "boxes": sum(image.boxes for image in images),
            "notes": {note.value: count for note, count in notes.items()},
            "labels_added": added,
            "left_out": [
                {"image": image.name, "what": image.note, "why": image.why} for image in images if image.is_left_out
            ],
        }
    )


def _sum_notes(images: list[ImportedImage]) -> Counter[BoxNote]:
    notes = Counter[BoxNote]()
    for image in images:
        notes.update(image.notes)
    return notes


@dataset_group.command("convert")
def convert_dataset(
    export: Annotated[Path, typer.Argument(help="Label Studio's JSON export.")],
    label_config: Annotated[Path, typer.Option("--label-config", help="A file with the label config of the project.")],
    images: Annotated[Path, typer.Option("--images", help="The folder with the images.")],
    to: Annotated[Path, typer.Option("--out", help="The folder to write.")],
) -> None:
    """Convert a Label Studio export to a YOLO dataset."""
    if not images.is_dir():
        raise PayloadError("--images", "a folder with the images", str(images))
    settings = Settings.read()
    policy = ConversionPolicy(settings.held_out_share, settings.group_field, settings.twin_bits, settings.image_pixels)
    with naming(label_config):
        snapshot = convert.to_dataset(export, read_text(label_config, "a label config in XML"), images, to, policy)
    print_json({"hash": snapshot.hash, "folder": str(snapshot.folder), **snapshot.report})


@dataset_group.command("export")
def export_dataset(
    project: ProjectId,
    to: Annotated[Path, typer.Option("--out", help="The folder to write.")],
) -> None:
    """Write the dataset that a training would use now, with its manifest. `loop import --format yolo` reads it."""
    rooms = open_rooms(project)
    with narrate(f"project {project}: writing the dataset"):
        snapshot = assemble.export_dataset(rooms.datasets, project, to)
    print_json({"hash": snapshot.hash, "folder": str(snapshot.folder), **snapshot.report})


@dataset_group.command()
def leaks(
    project: ProjectId,
    as_json: AsJson = False,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Exclude these training tasks from training, until --put-back.")
    ] = False,
    put_back: Annotated[bool, typer.Option("--put-back", help="First include all excluded tasks again.")] = False,
) -> None:
    """Show leaks: training tasks of the same group as a held-out task, or near-duplicates of one."""
    rooms = open_rooms()
    restored = rooms.datasets.splits.put_back(project) if put_back else 0
    leaked = assemble.find_leaks(rooms.datasets, project)
    if leave_out:
        rooms.datasets.splits.leave_out(project, [leak.train for leak in leaked])
    left_out = len(leaked) if leave_out else 0
    if as_json:
        pairs = [asdict(leak) for leak in leaked]
        print_json({"leaks": pairs, "left_out": left_out, "put_back": restored})
        return
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


@dataset_group.command()
def classes(project: ProjectId, as_json: AsJson = False) -> None:
    """List the classes by id, with the number of reviewed boxes of each."""
    rows = count_classes(open_rooms().datasets, project)
    if as_json:
        print_json([asdict(row) for row in rows])
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


@dataset_group.command("rename-class")
def rename_class(
    old: ClassName, new: Annotated[str, typer.Argument(help="The new name of the class.")], project: ProjectId
) -> None:
    """Rename a class, or merge it into the class that has the new name. Old reviews and detectors follow."""
    rooms = open_rooms(project)
    renamed = rooms.studio.classes.rename(project, old, new)
    is_merged = renamed.merged_into is not None
    change = f"is part of {new!r} (id {renamed.merged_into})" if is_merged else f"is called {new!r}"
    out.print(f"class {renamed.id}, {old!r}, {change}")


@dataset_group.command("retire-class")
def retire_class(
    name: ClassName,
    project: ProjectId,
    undo: Annotated[bool, typer.Option("--undo", help="Include the boxes of the class again.")] = False,
) -> None:
    """Leave the boxes of a class out of future datasets. Its id stays reserved."""
    rooms = open_rooms(project)
    retired = rooms.studio.classes.retire(project, name, is_retired=not undo)
    out.print(f"class {retired.id}, {name!r}, is {'taken in again' if undo else 'retired'}")
