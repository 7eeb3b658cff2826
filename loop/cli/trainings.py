"""Commands on the trainings of a project."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from loop.cli import screen
from loop.cli.options import ProjectId, build_for, out
from loop.storage.storable import LARGEST_ID
from loop.training import retrain as training_runs
from loop.training.policy import NAMES, read_own
from loop.training.store import TrainingState
from loop.wiring import build

app = typer.Typer()
training = typer.Typer(no_args_is_help=True, help="Trainings of a project's detector.")
app.add_typer(training, name="training")


@training.command("list")
def list_trainings(
    project: ProjectId,
    count: Annotated[int, typer.Option("--count", min=1, max=LARGEST_ID, help="Largest number of rows.")] = 20,
) -> None:
    """List the trainings of a project, newest first."""
    rooms = build_for(project)
    screen.show_trainings(out, rooms.trainings.store.last(project, count))


@training.command("show")
def show_training(
    training_id: Annotated[
        int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="The id of a training; see `loop training list`.")
    ],
) -> None:
    """Show the full record of a training."""
    typer.echo(json.dumps(build(migrate=True).trainings.store.get(training_id).as_json(), indent=2, default=str))


@training.command("cancel")
def cancel_training(project: ProjectId) -> None:
    """Cancel the waiting or running training of a project."""
    rooms = build_for(project)
    cancelled = training_runs.cancel(rooms.trainings, project)
    if cancelled is None:
        out.print(f"project {project}: no training is open")
    elif cancelled.state == TrainingState.CANCELLED:
        out.print(f"training {cancelled.id} is cancelled")
    else:
        out.print(
            f"training {cancelled.id} stops within seconds; `loop training show {cancelled.id}` says how it ended"
        )


@app.command()
def policy(
    project: ProjectId,
    retrain_after: Annotated[
        int | None, typer.Option("--retrain-after", min=1, help="Number of new reviews that starts a training.")
    ] = None,
    cool_down: Annotated[
        float | None, typer.Option("--cool-down", min=0, help="Least seconds between two trainings.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Use the settings again.")] = False,
) -> None:
    """Show when reviews start a training of a project, or override the settings for it."""
    rooms = build(migrate=True)
    current = rooms.studio.projects.get(project).policy
    given: dict[str, Any] = {"retrain_after": retrain_after, "cool_down": cool_down}
    remaining = {name: value for name, value in current.items() if not (reset and name in NAMES)}
    wanted = {**remaining, **{name: value for name, value in given.items() if value is not None}}
    if wanted != current:
        rooms.studio.projects.set_policy(project, wanted)
    for name, value in asdict(rooms.trainings.retrain_policy.of(wanted)).items():
        out.print(f"{name:<14} {value:<10g} {'of this project' if name in read_own(wanted) else 'of the settings'}")
