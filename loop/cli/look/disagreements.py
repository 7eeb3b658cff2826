"""The command that lists the tasks on which annotators disagree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from loop.cli.grid import Field, show_table
from loop.cli.look.boxes import MOST_SHOWN, ToView
from loop.cli.options import ProjectId, open_rooms, out
from loop.label_studio.views import put_tasks
from loop.rates.annotators.agreement import TaskAgreement
from loop.rates.annotators.compare import TITLE, list_agreements, list_disagreements

app = typer.Typer()
MEANING = "agreement: 0 to 1, the share of the boxes that both drew with the same label; the mean over pairs of people"


@dataclass(frozen=True, slots=True)
class Disagreements:
    """The *tasks* on which annotators disagree, and how many tasks have several annotators."""

    shared_tasks: int
    tasks: list[TaskAgreement]


@app.command()
def disagreements(
    project: ProjectId,
    is_any: Annotated[bool, typer.Option("--decided", help="Also tasks with a known answer.")] = False,
    view: ToView = False,
) -> Disagreements:
    """
    List the tasks on which annotators disagree, those with the least agreement first.

    A task that has a known answer, a starred annotation, is decided.
    """
    rooms = open_rooms(project)
    shared = list_agreements(rooms.rates, project)
    listed = list_disagreements(shared, is_any=is_any)
    fields = (
        *(Field("task", is_number=True), Field("agreement", is_number=True), Field("boxes by annotator", folds=True)),
        Field("known answer by", rank=1),
    )
    show_table(out, fields, [_row(task) for task in listed[:MOST_SHOWN]], MEANING)
    out.print(f"{len(listed)} tasks with a disagreement; {len(shared)} tasks have several annotators")
    if view:
        out.print(put_tasks(rooms.studio.client, project, TITLE, [task.task_id for task in listed]).line)
    elif listed:
        only = " --decided" if is_any else ""
        out.print(f"next: loop disagreements --project {project}{only} --view makes a view of them in Label Studio")
    return Disagreements(len(shared), listed)


def _row(task: TaskAgreement) -> tuple[str, ...]:
    boxes = ", ".join(f"{who}: {count}" for who, count in zip(task.annotators, task.boxes, strict=True))
    return str(task.task_id), f"{task.share:.2f}", boxes, str(task.known_by or "(none)") if task.is_known else ""
