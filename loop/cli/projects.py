"""Commands on a connected project."""

from __future__ import annotations

from typing import Annotated

import typer

from loop import jobs
from loop.cli.options import ProjectId, build_for, out
from loop.cli.progress import narrate
from loop.errors import TrainingFailed
from loop.installation import connect as connecting
from loop.training.ask import ask_training
from loop.training.store import TrainingState
from loop.wiring import build

app = typer.Typer()


@app.command()
def connect(project: ProjectId) -> None:
    """
    Connect a Label Studio project, and print the changes.

    The command sets sampling, the backend, the webhook with its secret, and
    a view; reads the existing reviews; and names the labels that no class of
    the detector suggests yet. A second run changes nothing. Weights that do
    not detect on this machine are refused before anything is recorded.
    """
    changed = connecting.connect(build(migrate=True).installation, project)
    for line in changed or [f"project {project}: nothing to change"]:
        out.print(line)


@app.command()
def retrain(
    project: ProjectId,
    here: Annotated[bool, typer.Option("--here", help="Train in this process instead of the gpu worker.")] = False,
) -> None:
    """Request a training on all reviewed tasks."""
    rooms = build_for(project)
    if here:
        training = rooms.trainings.store.ask(project, "by hand")
        with narrate(f"project {project}: training here"):
            line = jobs.retrain(project)
        ended = rooms.trainings.store.get(training.id)
        if ended.state in (TrainingState.FAILED, TrainingState.CANCELLED):
            raise TrainingFailed(f"project {project}: {line}; `loop training show {ended.id}` shows all of it")
        out.print(line)
    else:
        ask_training(rooms.trainings, project, "by hand")
        out.print(f"project {project}: training asked for; `loop status` shows its progress")


@app.command()
def sync(project: ProjectId) -> None:
    """Catch up on missed events by comparing with Label Studio. The schedule does this every five minutes."""
    with narrate(f"project {project}: comparing with Label Studio"):
        line = jobs.sync(project)
    out.print(line)


@app.command()
def rebuild(project: ProjectId) -> None:
    """Delete the recorded reviews of a project, and read all reviews from Label Studio again."""
    with narrate(f"project {project}: reading all reviews from Label Studio"):
        line = jobs.rebuild(project)
    out.print(line)
