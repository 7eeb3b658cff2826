"""Commands on the trainings of a project."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from loop.cli import screen
from loop.cli.options import ProjectId, out
from loop.storage.storable import LARGEST_ID
from loop.training import cancel as cancelling
from loop.training.policy import NAMES, own
from loop.training.store import State
from loop.wiring import build

app = typer.Typer()
training = typer.Typer(no_args_is_help=True, help="Trainings of a project's detector.")
app.add_typer(training, name="training")


@training.command("list")
def list_trainings(
    project: ProjectId,
    count: Annotated[int, typer.Option("--count", min=1, max=LARGEST_ID, help="How many at most.")] = 20,
) -> None:
    """List the trainings of a project, newest first."""
    parts = build(migrate=True)
    parts.projects.get(project)
    screen.show_trainings(out, parts.trainings.last(project, count))


@training.command("show")
def show_training(
    training_id: Annotated[int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="As the list gives it.")],
) -> None:
    """Show all that is kept about a training."""
    typer.echo(json.dumps(asdict(build(migrate=True).trainings.get(training_id)), indent=2, default=str))


@training.command("cancel")
def cancel_training(project: ProjectId) -> None:
    """Stop the training of a project that waits or runs."""
    parts = build(migrate=True)
    parts.projects.get(project)
    found = cancelling.cancel(parts, project)
    if found is None:
        out.print(f"project {project}: no training is open")
    elif found.state == State.CANCELLED:
        out.print(f"training {found.id} is cancelled")
    else:
        out.print(f"training {found.id} stops within seconds; `loop training show {found.id}` says how it ended")


@app.command()
def policy(
    project: ProjectId,
    retrain_after: Annotated[
        int | None, typer.Option("--retrain-after", min=1, help="New reviews that ask for a training.")
    ] = None,
    cool_down: Annotated[
        float | None, typer.Option("--cool-down", min=0, help="Seconds between a training and the next.")
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Do as the settings say.")] = False,
) -> None:
    """Show when reviews ask for a training of a project, or decide it otherwise than the settings."""
    parts = build(migrate=True)
    known = parts.projects.get(project).policy
    given: dict[str, Any] = {"retrain_after": retrain_after, "cool_down": cool_down}
    kept = {name: value for name, value in known.items() if not (reset and name in NAMES)}
    wanted = {**kept, **{name: value for name, value in given.items() if value is not None}}
    if wanted != known:
        parts.projects.decide(project, wanted)
    for name, value in asdict(parts.policies.retrain.of(wanted)).items():
        out.print(f"{name:<14} {value:<10g} {'of this project' if name in own(wanted) else 'of the settings'}")
