"""The command that accepts sure predictions as they are."""

from __future__ import annotations

from typing import Annotated

import typer

from loop.cli.answers.command import Done, done
from loop.cli.messages import narrate, show_count
from loop.cli.options import ProjectId, open_rooms, out
from loop.errors import PayloadError
from loop.rates.accept import run
from loop.rates.accept.explain import explain
from loop.rates.accept.plan import LEAST_ERROR, MOST_ERROR, AcceptPlan, plan_acceptance

app = typer.Typer()

AcceptAnswer = Annotated[
    AcceptPlan | Done,
    "Of a dry run the plan; else what was done, with `accepted` and `left_out`, or `removed`, `stay`.",
]


@app.command()
def accept(
    project: ProjectId,
    error: Annotated[
        float | None, typer.Option(min=LEAST_ERROR, max=MOST_ERROR, help="Largest share of wrong boxes, such as 0.02.")
    ] = None,
    token: Annotated[str, typer.Option("--token", help="Accept the tasks of the dry run with this token.")] = "",
    is_undo: Annotated[
        bool, typer.Option("--undo", help="Take back all that was accepted and that nobody has changed.")
    ] = False,
) -> AcceptAnswer:
    """
    Accept the open tasks that are sure, with a bound on their wrong boxes.

    Without --token it is a dry run. Accepted tasks are no reviews: they are
    in no rate, and in no dataset unless LOOP_TRAIN_ON_ACCEPTED is set. --undo
    takes them back.
    """
    if is_undo == (error is not None) or (is_undo and token):
        raise PayloadError("accept", "either --undo, or --error with or without --token", "both" if is_undo else "none")
    if error is None:
        return _undo(project)
    return _accept(project, error, token) if token else _show_plan(project, error)


def _show_plan(project: int, error: float) -> AcceptPlan:
    rooms = open_rooms(project)
    with narrate(f"project {project}: looking for tasks to accept"):
        plan = plan_acceptance(rooms.rates, project, error)
    for line in explain(plan):
        out.print(line)
    if plan.tasks:
        out.print(f"token {plan.token}")
        out.print(f"next: loop accept --project {project} --error {error} --token {plan.token} accepts them")
    return plan


def _accept(project: int, error: float, token: str) -> Done:
    rooms = open_rooms(project)
    tasks = run.begin(rooms.rates, project, error, token)
    made = list(show_count(run.accept(rooms.rates, project, tasks), "tasks", len(tasks)))
    accepted, left_out = sum(each is not None for each in made), sum(each is None for each in made)
    suffix = f"; {left_out} were left out, as they were changed meanwhile" if left_out else ""
    return done(
        f"{accepted} tasks accepted{suffix}",
        then=f"loop accept --project {project} --undo takes back all that nobody has changed",
        project=project,
        accepted=accepted,
        left_out=left_out,
    )


def _undo(project: int) -> Done:
    undone = run.undo(open_rooms(project).rates, project)
    stay = f"; {undone.stay} stay, because somebody changed them or has a draft of the task" if undone.stay else ""
    return done(
        f"{undone.removed} accepted annotations removed{stay}",
        then="their tasks are open again, and in the queue" if undone.removed else "",
        project=project,
        removed=undone.removed,
        stay=undone.stay,
    )
