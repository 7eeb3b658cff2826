"""The command `loop`."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from loop import connect as connecting
from loop import convert, jobs, region_json, screen, services
from loop import retrain as retraining
from loop.bootstrap import build
from loop.errors import LoopError
from loop.queue import DEFAULT, GPU
from loop.rates import By, group
from loop.review import ask_training
from loop.settings import Settings
from loop.status import status

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Label Studio, YOLO, and a loop that learns.",
)
models = typer.Typer(no_args_is_help=True, help="Versions of a project's detector.")
dataset = typer.Typer(no_args_is_help=True, help="YOLO datasets.")
app.add_typer(models, name="models")
app.add_typer(dataset, name="dataset")

SWEEP_SECONDS, SYNC_SECONDS = 10, 300
out = Console(highlight=False)
ProjectId = Annotated[int, typer.Option("--project", help="Label Studio's project id.")]
Why = Annotated[str, typer.Option("--why", help="Kept with the move.")]
Name = Annotated[str, typer.Argument(help="A version such as yolo_detector@1.2.0, or 1.2.0.")]


@app.command()
def up() -> None:
    """Start everything on this machine: Redis, workers, schedule, web."""
    settings = Settings.read()
    build(settings, migrate=True)
    services.run(services.parts_of(settings), settings, out.print)


@app.command()
def connect(project: ProjectId) -> None:
    """Set a Label Studio project up; say what was changed."""
    changed = connecting.connect(build(migrate=True), project)
    for line in changed or [f"project {project}: nothing to change"]:
        out.print(line, markup=False)


@app.command("status")
def show_status() -> None:
    """Show parts, projects, champions, queues and the last events."""
    screen.show_status(out, status(build(migrate=True)))


@app.command()
def retrain(
    project: ProjectId,
    here: Annotated[bool, typer.Option("--here", help="Train in this process instead of the gpu worker.")] = False,
) -> None:
    """Ask for a training of all that was reviewed."""
    parts = build(migrate=True)
    parts.projects.get(project)
    if here:
        parts.trainings.ask(project, "by hand")
        out.print(jobs.retrain(project), markup=False)
    else:
        ask_training(parts, project, "by hand")
        out.print(f"project {project}: training asked for; `loop status` shows its progress")


@app.command()
def sync(project: ProjectId) -> None:
    """Make up for events that never came; the schedule does so every five minutes."""
    out.print(jobs.sync(project), markup=False)


@app.command()
def rebuild(project: ProjectId) -> None:
    """Forget the reviews of a project and read them all from Label Studio again."""
    out.print(jobs.rebuild(project), markup=False)


@app.command()
def verdicts(export: Annotated[Path, typer.Argument(help="Label Studio's JSON export, with predictions.")]) -> None:
    """Print a verdict a line for a Label Studio export."""
    for judged in convert.to_verdicts(export):
        for one in judged.verdicts:
            line = {
                "task": judged.task_id,
                "version": judged.version,
                "decision": one.decision.value,
                "predicted": region_json.write(one.predicted) if one.predicted else None,
                "reviewed": region_json.write(one.reviewed) if one.reviewed else None,
            }
            typer.echo(json.dumps(line))


@app.command()
def rates(
    project: ProjectId,
    by: Annotated[By, typer.Option("--by", help="What to group by.")] = By.VERSION,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show how often each verdict was given, with 95% intervals, and what that calls for."""
    groups = group(build(migrate=True).reviews.judged(project), by)
    if as_json:
        typer.echo(json.dumps({name: screen.rates_json(found) for name, found in groups.items()}, indent=2))
    else:
        screen.show_rates(out, groups, by)


@app.command()
def worker(queue: Annotated[str, typer.Argument(help=f"{GPU} or {DEFAULT}")]) -> None:
    """Be one RQ worker; `loop up` starts these itself."""
    if queue not in (GPU, DEFAULT):
        raise LoopError(f"queue: expected {GPU} or {DEFAULT}, found {queue}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for chatty in ("rq", "httpx", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    build(migrate=True).queue.work(queue)


@app.command()
def schedule() -> None:
    """Be the schedule that sweeps up what was left lying; `loop up` starts it itself."""
    build().queue.schedule((jobs.sweep, SWEEP_SECONDS), (jobs.sync_all, SYNC_SECONDS))


@models.command("list")
def list_models(project: ProjectId) -> None:
    """List the versions of a project, oldest first."""
    registry = build(migrate=True).registry
    aliases = {alias: registry.at(project, alias) for alias in ("champion", "previous", "candidate")}
    table = Table("version", "aliases", "snapshot", "parent", "created", box=None)
    for version in registry.list(project):
        names = ", ".join(alias for alias, at in aliases.items() if at and at.name == version.name)
        created = f"{version.created_at:%Y-%m-%d %H:%M}"
        table.add_row(version.name, names, (version.snapshot or "")[:16], version.parent or "", created)
    out.print(table)


@models.command("show")
def show_model(name: Name, project: ProjectId) -> None:
    """Show all that is kept about a version."""
    version = build(migrate=True).registry.get(project, name)
    shown = {key: getattr(version, key) for key in version.__slots__}
    typer.echo(json.dumps(shown, indent=2, default=str))


@models.command("promote")
def promote_model(name: Name, project: ProjectId, why: Why = "by hand") -> None:
    """Let a version serve."""
    version = retraining.promote(build(migrate=True), project, name, why)
    out.print(f"{version.name} serves project {project}")


@models.command("rollback")
def roll_back_model(project: ProjectId, why: Why = "by hand") -> None:
    """Let the version serve that served before."""
    version = retraining.roll_back(build(migrate=True), project, why)
    out.print(f"{version.name} serves project {project} again")


@dataset.command("convert")
def convert_dataset(
    export: Annotated[Path, typer.Argument(help="Label Studio's JSON export.")],
    label_config: Annotated[Path, typer.Option("--label-config", help="The project's label config, a file.")],
    images: Annotated[Path, typer.Option("--images", help="The folder with the images.")],
    to: Annotated[Path, typer.Option("--out", help="The folder to make.")],
) -> None:
    """Make a YOLO dataset of a Label Studio export."""
    snapshot = convert.to_dataset(export, label_config.read_text(), images, to)
    typer.echo(json.dumps({"hash": snapshot.hash, "folder": str(snapshot.folder), **snapshot.report}, indent=2))


def main() -> None:
    """Run the command; an error of ours is one line, not a trace."""
    _told(app)


def _told(command: Callable[[], None]) -> None:
    try:
        command()
    except LoopError as error:
        typer.echo(f"loop: {error}", err=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
