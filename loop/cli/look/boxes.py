"""Commands on crops, on suspects, and on the next tasks of the queue."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from loop.cli.answers.command import Unsuccessful
from loop.cli.grid import Field, show_table
from loop.cli.messages import narrate
from loop.cli.options import ProjectId, Why, open_rooms, out
from loop.crops import find_suspects
from loop.crops.grid import AT_FIRST, Crop, CropOrder, CropPage, CropQuery, list_crops
from loop.crops.pictures import BoxSource
from loop.crops.relabel import BoxName, RelabelReport
from loop.crops.relabel import relabel as relabel_boxes
from loop.crops.suspect_store import SuspectList
from loop.crops.suspicion import SuspectBox, SuspectKind
from loop.label_studio.views import put_tasks
from loop.serving.queue.next_tasks import QueuedTask, QueuePage, list_queue
from loop.storage.actor import who_acts
from loop.storage.storable import LARGEST_ID

app = typer.Typer()
crops_group = typer.Typer(no_args_is_help=True, help="Boxes of a project as the dashboard shows them.")
app.add_typer(crops_group, name="crops")
SUSPECTS_TITLE, CROPS_TITLE = "Suspects", "Selected crops"
MOST_SHOWN = 20
MEANING = "score: 0 to 1, how likely the box is wrong; `loop suspects --help` says how each kind is found"
SCORES = "score: the confidence, 0 to 1; by suspicion, how likely the box is wrong; by likeness, the cosine"

Page = Annotated[int, typer.Option("--page", min=1, max=10**6, help="Which page.")]
Size = Annotated[int, typer.Option("--most", min=1, max=1000, help="Largest number of rows on a page.")]
ToView = Annotated[bool, typer.Option("--view", help="Make a view of these tasks in Label Studio.")]


@app.command()
def suspects(
    project: ProjectId,
    kind: Annotated[SuspectKind | None, typer.Option("--kind", help="Boxes of one kind alone.")] = None,
    is_last: Annotated[bool, typer.Option("--last", help="Show what the last look found, without another.")] = False,
    view: ToView = False,
) -> SuspectList:
    """
    Look for reviewed boxes that may be wrong, and list them.

    Swapped: similar reviewed boxes have another label. Overlooked: the
    champion is sure of a detection that nobody drew. Misplaced: a sure
    detection covers the box only in part, or no version finds it. Scores
    are between 0 and 1. A version repeats some errors of the reviews that
    it was trained on; these are not found. --last leaves out tasks that
    were reviewed since.
    """
    rooms = open_rooms(project)
    found = rooms.crops.suspects.read(project) if is_last else None
    if found is None:
        with narrate(f"project {project}: looking at all reviews"):
            find_suspects.look(rooms.crops, project)
        found = rooms.crops.suspects.read(project)
    assert found is not None
    of_kind = [suspect for each in ([kind] if kind else SuspectKind) for suspect in found.of_kind(each)]
    changed = rooms.crops.suspects.find_reviewed_since(project, find_suspects.list_tasks(of_kind), found.looked_at)
    listed = [suspect for suspect in of_kind if suspect.task_id not in changed]
    fields = (
        *(Field("kind"), Field("task", is_number=True), Field("region", rank=2), Field("label", folds=True)),
        *(Field("score", is_number=True), Field("perhaps", rank=1, folds=True)),
    )
    show_table(out, fields, [_suspect_row(suspect) for suspect in listed[:MOST_SHOWN]], MEANING)
    out.print(find_suspects.describe(found))
    if changed:
        out.print(f"{len(of_kind) - len(listed)} more are on tasks reviewed since; without --last it looks again")
    if view:
        out.print(put_tasks(rooms.studio.client, project, SUSPECTS_TITLE, find_suspects.list_tasks(listed)).line)
    elif listed:
        only = f" --kind {kind}" if kind else ""
        out.print(f"next: loop suspects --project {project} --last{only} --view makes a view of them in Label Studio")
    return replace(found, suspects=tuple(listed))


@crops_group.command("list")
def show_crops(
    project: ProjectId,
    label: Annotated[str | None, typer.Option("--label", help="The class; else the most frequent one.")] = None,
    order: Annotated[CropOrder, typer.Option("--order", help="The order of the boxes.")] = AT_FIRST,
    source: Annotated[BoxSource, typer.Option("--of", help="Detections or reviewed boxes.")] = BoxSource.PREDICTED,
    like: Annotated[str | None, typer.Option("--like", help="TASK:REGION of a box, with the order alike.")] = None,
    page: Page = 1,
    most: Size = MOST_SHOWN,
    view: ToView = False,
) -> CropPage:
    """List boxes of a class by confidence, suspicion, or likeness to one of them."""
    rooms = open_rooms(project)
    query = CropQuery(order, label, source, BoxName.read(like) if like else None, page, most)
    shown = list_crops(rooms.crops, project, query)
    fields = (
        *(Field("box"), Field("label", folds=True), Field("score", is_number=True)),
        *(Field("verdict", rank=1), Field("perhaps", rank=2, folds=True)),
    )
    show_table(out, fields, [_crop_row(crop) for crop in shown.crops], SCORES)
    out.print(f"{shown.total} boxes, page {shown.query.page} of {shown.pages}")
    if shown.missing:
        out.print(shown.missing)
    if view:
        out.print(put_tasks(rooms.studio.client, project, CROPS_TITLE, shown.task_ids).line)
    return replace(shown, found=None)


@crops_group.command()
def relabel(
    boxes: Annotated[list[str], typer.Argument(help="TASK:REGION of each reviewed box.")],
    project: ProjectId,
    label: Annotated[str, typer.Option("--label", help="The new label, of the project's label config.")],
    why: Why = "",
) -> RelabelReport:
    """
    Give reviewed boxes another label, in Label Studio first.

    All else of their reviews stays.
    """
    rooms = open_rooms(project)
    names = [BoxName.read(box) for box in boxes]
    report = relabel_boxes(rooms.crops, project, names, label, actor=who_acts(), why=why)
    out.print(report.line)
    for failure in report.failures[1:MOST_SHOWN]:
        out.print(failure)
    if report.failures:
        raise Unsuccessful(report)
    return report


@app.command()
def queue(
    project: ProjectId,
    annotator: Annotated[
        int | None, typer.Option(min=1, max=LARGEST_ID, help="Label Studio's user id; else the reviews of all count.")
    ] = None,
    page: Page = 1,
    most: Size = MOST_SHOWN,
) -> QueuePage:
    """
    List the next tasks in the order in which Label Studio serves them, and why.

    The score is the chance that the boxes of a task need no work. Of several
    annotators each gets one of the next tasks. Where the project asks for
    several annotations of a task, those that others have annotated come first;
    they are not listed.
    """
    shown = list_queue(open_rooms(project).serving, project, offset=(page - 1) * most, most=most, annotator=annotator)
    fields = (
        *(Field("place", is_number=True), Field("task", is_number=True), Field("score", is_number=True)),
        *(Field("boxes", rank=1, is_number=True), Field("why", folds=True)),
    )
    show_table(out, fields, [_queued_row(task) for task in shown.tasks], "score: 0 to 1, the lowest first")
    out.print(f"{shown.total} open tasks predicted by {shown.version}")
    return shown


def _suspect_row(suspect: SuspectBox) -> tuple[str, ...]:
    perhaps = "" if suspect.suggested == suspect.region.label else suspect.suggested
    place = (suspect.kind.value, str(suspect.task_id), suspect.region.id, suspect.region.label)
    return (*place, f"{suspect.score:.2f}", perhaps)


def _crop_row(crop: Crop) -> tuple[str, ...]:
    score = "" if crop.score is None else f"{crop.score:.2f}"
    verdict = "reviewed since" if crop.is_changed else crop.verdict
    return (crop.box.text, crop.label, score, verdict, crop.suggested)


def _queued_row(task: QueuedTask) -> tuple[str, ...]:
    return (str(task.place), str(task.task_id), f"{task.score:.3f}", str(len(task.boxes)), task.why)
