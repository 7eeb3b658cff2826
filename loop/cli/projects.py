"""Commands on a connected project and its trainings."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

from loop.cli import screen
from loop.cli.answers.command import Done, done
from loop.cli.messages import narrate
from loop.cli.options import ProjectId, open_rooms, out, print_for_all
from loop.cli.terminal.completion import complete_trainings
from loop.datasets.tiled.policy import TILE_NAMES
from loop.errors import TrainingFailed
from loop.storage.storable import LARGEST_ID
from loop.training.ask import ask_training, require_reviews
from loop.training.policy import MOST_VALUE, NAMES
from loop.training.store import TrainingState
from loop.vision.tiling.tiles import LARGEST, LEAST_SHARED, MOST_SHARED, SMALLEST

app = typer.Typer()
TrainingRecord = Annotated[dict[str, Any], "The record of a training, from `id` to `ended_at`."]
TileOverlap = Annotated[
    float | None,
    typer.Option("--tile-overlap", min=LEAST_SHARED, max=MOST_SHARED, help="Share of the side that two tiles share."),
]


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """One value of a project's policy; it is its own, or that of the settings."""

    name: str
    value: float
    is_own: bool


@app.command()
def connect(project: ProjectId) -> Done:
    """
    Connect a Label Studio project, and print the changes, and what happens next and when.

    The command sets sampling, the backend, the webhook with its secret, and
    a view; reads the existing reviews; and names the labels that no class of
    the detector suggests yet. A second run changes nothing. Weights that do
    not detect on this machine are refused before anything is recorded.
    """
    from loop.installation import connect as connecting
    from loop.installation.outlook.next_steps import list_next_steps

    installation = open_rooms().installation
    with narrate(f"project {project}: connecting"):
        changed = connecting.connect(installation, project)
    lines = tuple(changed) or (f"project {project}: nothing to change",)
    steps = tuple(list_next_steps(installation, project))
    for line in lines:
        out.print(line)
    out.print("next, by itself:")
    for number, step in enumerate(steps, start=1):
        out.print(f"  {number}. {step}")
    return Done(lines, steps, {"project": project})


@app.command()
def retrain(
    project: ProjectId,
    here: Annotated[bool, typer.Option("--here", help="Train in this process instead of the gpu worker.")] = False,
) -> Done:
    """Request a training on all reviewed tasks."""
    rooms = open_rooms(project)
    require_reviews(rooms.trainings, project)
    if here:
        from loop import jobs

        training = rooms.trainings.store.ask(project, "by hand")
        with narrate(f"project {project}: training here"):
            line = jobs.retrain(project)
        ended = rooms.trainings.store.get(training.id)
        if ended.state in (TrainingState.FAILED, TrainingState.CANCELLED):
            raise TrainingFailed(f"project {project}: {line}; `loop training show {ended.id}` shows all of it")
        then = (
            ""
            if ended.version is None
            else f"`loop models report {ended.version} --project {project}` shows the gate's reasons"
        )
        return done(line, then=then, project=project, training=ended.id, version=ended.version)
    before = rooms.trainings.store.open(project)
    asked = ask_training(rooms.trainings, project, "by hand")
    line = f"training {asked.id} is {'open already' if before else 'asked for'}"
    then = f"`loop status` shows its progress, `loop training cancel --project {project}` stops it"
    return done(f"project {project}: {line}", then=then, project=project, training=asked.id)


@app.command()
def sync(project: ProjectId) -> Done:
    """
    Catch up on missed events by comparing with Label Studio.

    The schedule does this every five minutes.
    """
    from loop import jobs

    with narrate(f"project {project}: comparing with Label Studio"):
        line = jobs.sync(project, jobs.run_in_turn)
    return done(line, project=project)


@app.command()
def rebuild(project: ProjectId) -> Done:
    """Delete the recorded reviews of a project, and read all reviews from Label Studio again."""
    from loop import jobs

    with narrate(f"project {project}: reading all reviews from Label Studio"):
        line = jobs.rebuild(project)
    return done(line, project=project)


training = typer.Typer(no_args_is_help=True, help="Trainings of a project's detector.")
app.add_typer(training, name="training")


@training.command("list")
def list_trainings(
    project: ProjectId,
    count: Annotated[int, typer.Option("--count", min=1, max=LARGEST_ID, help="Largest number of rows.")] = 20,
) -> list[TrainingRecord]:
    """List the trainings of a project, newest first."""
    trainings = open_rooms(project).trainings.store.last(project, count)
    screen.show_trainings(out, trainings)
    return [training.as_json() for training in trainings]


@training.command("show")
def show_training(
    training_id: Annotated[
        int,
        typer.Argument(
            metavar="ID",
            min=1,
            max=LARGEST_ID,
            help="The id of a training; see `loop training list`.",
            autocompletion=complete_trainings,
        ),
    ],
) -> TrainingRecord:
    """Show the full record of a training, as JSON."""
    record = open_rooms().trainings.store.get(training_id).as_json()
    print_for_all(record)
    return record


@training.command("cancel")
def cancel_training(project: ProjectId) -> Done:
    """Cancel the waiting or running training of a project."""
    from loop.installation.watching.jobs import cancel_training as cancel

    line = cancel(open_rooms(project).installation, project)
    then = f"its reviews still count as new: the next review may ask again, `loop retrain --project {project}` does"
    return done(line, then="" if line.endswith("no training is open") else then, project=project)


@app.command()
def policy(
    project: ProjectId,
    retrain_after: Annotated[
        int | None,
        typer.Option("--retrain-after", min=1, max=MOST_VALUE, help="Number of new reviews that starts a training."),
    ] = None,
    cool_down: Annotated[
        float | None, typer.Option("--cool-down", min=0, max=MOST_VALUE, help="Least seconds between two trainings.")
    ] = None,
    tile: Annotated[
        int | None, typer.Option("--tile", min=0, max=LARGEST, help="Side of tiles in pixels; 0 keeps images whole.")
    ] = None,
    tile_overlap: TileOverlap = None,
    reset: Annotated[bool, typer.Option("--reset", help="Use the settings again.")] = False,
) -> list[PolicyValue]:
    """Show when reviews start a training and how it cuts images, or override the settings for it."""
    rooms = open_rooms()
    current = rooms.studio.projects.get(project).policy
    given: dict[str, Any] = {
        "retrain_after": retrain_after,
        "cool_down": cool_down,
        "tile": _check_tile(tile),
        "tile_overlap": tile_overlap,
    }
    remaining = {name: value for name, value in current.items() if not (reset and name in (*NAMES, *TILE_NAMES))}
    wanted = {**remaining, **{name: value for name, value in given.items() if value is not None}}
    policies = rooms.trainings.retrain_policy.of(wanted), rooms.trainings.datasets.policy.tiles.of(wanted)
    values = [
        PolicyValue(name, value, is_own=name in wanted)
        for name, value in (asdict(policies[0]) | asdict(policies[1])).items()
    ]
    for each in values:
        out.print(f"{each.name:<14} {each.value:<10g} {'of this project' if each.is_own else 'of the settings'}")
    if wanted != current:
        rooms.studio.projects.set_policy(project, wanted)
        out.print("next: it counts from the next review on; tiles count from the next training on")
    return values


def _check_tile(tile: int | None) -> int | None:
    """Return the side of tiles. Raises BadParameter for one that the setting LOOP_TILE does not allow either."""
    if tile is not None and tile % SMALLEST:
        raise typer.BadParameter(f"expected a multiple of {SMALLEST}, found {tile}", param_hint="--tile")
    return tile
