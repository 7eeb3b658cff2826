"""Commands that run the loop and say how it stands."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from loop import jobs, screen, services
from loop.bootstrap import build
from loop.commands.options import out
from loop.errors import LoopError
from loop.queue import DEFAULT, GPU
from loop.settings import Settings
from loop.status import status

app = typer.Typer()
SWEEP_SECONDS, SYNC_SECONDS = 10, 300


@app.command()
def up() -> None:
    """Start everything on this machine: Redis, workers, schedule, web."""
    settings = Settings.read()
    build(settings, migrate=True)
    services.run(services.parts_of(settings), settings, out.print)


@app.command("status")
def show_status() -> None:
    """Show parts, projects, champions, queues and the last events."""
    screen.show_status(out, status(build(migrate=True)))


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
