"""The command that imports labels that exist elsewhere."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loop.cli.grid import Field, show_table
from loop.cli.messages import narrate, show_count, tell
from loop.cli.options import ProjectId, open_rooms, out
from loop.imports.formats import DatasetFormat
from loop.label_studio.imports.tasks import LabelKind
from loop.settings import Settings

if TYPE_CHECKING:
    from loop.imports.class_names import NamedClasses
    from loop.imports.foreign import BoxNote
    from loop.imports.outcome import ImportedImage

app = typer.Typer()
MOST_NAMED = 5  # images of one kind that a table names
Use = Annotated[
    LabelKind,
    typer.Option("--as", help="Reviews train, make references and are in no rate; predictions are reviewed first."),
]
LabelNames = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="CLASS=LABEL", help="The label of a class; CLASS= leaves its boxes out."),
]
KeepSplit = Annotated[
    bool, typer.Option("--keep-split", help="Hold out the images in its folders val, valid, test or held_out.")
]
FindTasks = Annotated[
    bool, typer.Option("--find", help="Upload nothing: label the tasks that show the images, by their names.")
]
ImportCounts = Annotated[
    dict[str, Any],
    "`images`: counts by outcome; `boxes`: imported ones; `notes`: other boxes by reason; `labels_added`; "
    "`labels_retired`; `left_out`.",
]


@app.command("import")
def import_labels(  # noqa: PLR0913, PLR0917 (each is an option)
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder with the dataset.")],
    project: ProjectId,
    kind: Annotated[DatasetFormat, typer.Option("--format", help="The format of the dataset.")],
    use: Use = LabelKind.REVIEWS,
    names: LabelNames = None,
    adds: Annotated[bool, typer.Option("--add-labels", help="Add labels that the label config lacks.")] = False,
    skips: Annotated[bool, typer.Option("--skip-classes", help="Leave out boxes of classes without a label.")] = False,
    keeps_split: KeepSplit = False,
    finds: FindTasks = False,
) -> ImportCounts:
    """
    Import labels that exist elsewhere: a dataset in the format of YOLO, COCO or Pascal VOC.

    The images are uploaded, and a task is made of each. What is left out is
    counted, with the reason. A second run goes on where the first stopped.
    """
    from loop import jobs
    from loop.imports.class_names import ClassNaming, read_names
    from loop.imports.find_tasks import label_tasks
    from loop.imports.formats import look_through
    from loop.imports.import_dataset import import_dataset, plan_import
    from loop.imports.outcome import ImportPlan
    from loop.policies import image_limits

    limits, rooms = image_limits(Settings.read()), open_rooms(project)
    with narrate(f"{folder}: reading labels"):
        found = look_through(folder, kind)
        classes = plan_import(rooms.reviews, project, found, ClassNaming(read_names(names or ()), adds, skips))
    keep_sides = partial(rooms.datasets.splits.keep_sides, project) if keeps_split else None
    work = label_tasks if finds else import_dataset
    outcomes = work(rooms.reviews, project, found, ImportPlan(use, classes, keep_sides), limits)
    images = list(show_count(outcomes, "images", found.images))
    _show_imported(images, classes)
    tell(jobs.sync(project, jobs.run_in_turn))  # one that runs may have begun before the import
    use_next = (
        f"loop retrain --project {project}" if use is LabelKind.REVIEWS else "reviewed in Label Studio, they train"
    )
    out.print(f"next: loop status shows the tasks; {use_next}")
    return _count_imported(images, classes)


def _show_imported(images: list[ImportedImage], classes: NamedClasses) -> None:
    """Print the number of images and boxes by what became of them, with some names."""
    from loop.label_studio.classes import RETIRED

    rows = []
    for note, count in Counter(image.note for image in images).most_common():
        reasons = [f"{image.name} ({image.why})" for image in images if image.note is note and image.why]
        more = f" and {len(reasons) - MOST_NAMED} more" if len(reasons) > MOST_NAMED else ""
        rows.append(("images", note.value, str(count), ", ".join(reasons[:MOST_NAMED]) + more))
    rows.append(("boxes", "imported", str(sum(image.boxes for image in images)), ""))
    notes = _sum_notes(images)
    rows += [("boxes", note.value, str(count), "") for note, count in notes.most_common()]
    for kind, labels in (("added to the label config", classes.added), (RETIRED, classes.retired)):
        rows += [("labels", kind, str(len(labels)), ", ".join(labels))] if labels else []
    fields = (Field("of"), Field("what", folds=True), Field("number", is_number=True), Field("which", folds=True))
    show_table(out, fields, rows)


def _count_imported(images: list[ImportedImage], classes: NamedClasses) -> dict[str, Any]:
    notes = _sum_notes(images)
    return {
        "images": Counter(image.note.value for image in images),
        "boxes": sum(image.boxes for image in images),
        "notes": {note.value: count for note, count in notes.items()},
        "labels_added": classes.added,
        "labels_retired": classes.retired,
        "left_out": [
            {"image": image.name, "what": image.note, "why": image.why} for image in images if image.is_left_out
        ],
    }


def _sum_notes(images: list[ImportedImage]) -> Counter[BoxNote]:
    notes: Counter[BoxNote] = Counter()
    for image in images:
        notes.update(image.notes)
    return notes
