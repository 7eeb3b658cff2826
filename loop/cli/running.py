"""Commands that run the loop, show its state, and save it."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from loop.cli import screen
from loop.cli.answers.command import Done, Unsuccessful, done
from loop.cli.messages import narrate
from loop.cli.options import open_rooms, optional_project, out
from loop.errors import LoopError, PayloadError
from loop.installation.findings import Finding
from loop.installation.status import Status
from loop.log_lines import set_up_logs
from loop.settings import Settings
from loop.storage.actor import SCHEDULE, act_as
from loop.storage.file_store import FileStore
from loop.storage.home_folder import make_home
from loop.wiring import build

app = typer.Typer()
PYTHONS_YOUNG = 700  # new objects between two looks for garbage
SWEEP_SECONDS, SYNC_SECONDS, TIDY_SECONDS = 10, 300, 6 * 3600


@app.command()
def up() -> None:
    """
    Start all services on this machine: Redis, Milvus, workers, schedule, web.

    A service that dies or fails its work is started again. Ctrl-C, SIGTERM, a
    closed terminal or a kill ends all services; interrupted work goes on at
    the next start. One `loop up` runs per LOOP_HOME.
    """
    prepare_service("loop up")
    from loop.installation import up as services

    stopping, settings = services.Stopping(), Settings.read()
    make_home(settings.home)
    services.up(settings, stopping, out.print, lambda: _lead(settings, lambda: bool(stopping)))


def prepare_service(command: str) -> None:
    """Look for garbage as often as Python does, because a service runs long. Raises LoopError where it cannot run."""
    gc.set_threshold(PYTHONS_YOUNG)
    if sys.platform != "linux":
        raise LoopError(f"`{command}` needs Linux: run it in a container here, see docs/deployment.md#one-container")


@contextmanager
def _lead(settings: Settings, is_stopping: Callable[[], bool]) -> Iterator[None]:
    """Lead until the end of the `with` block; if another machine leads meanwhile, ask this process to stop."""
    stop = partial(os.kill, os.getpid(), signal.SIGTERM)
    with closing(build(settings)) as rooms, rooms.installation.machine.lead_alone(stop, out.print, is_stopping):
        yield


@app.command("status")
def show_status() -> Status:
    """Show services, projects, champions, queues and the last events."""
    from loop.installation.status import status

    report = status(open_rooms().installation)
    screen.show_status(out, report)
    return report


@app.command()
def doctor(
    project: Annotated[int | None, optional_project("Check only this project.")] = None,
) -> list[Finding]:
    """
    Check the installation and print findings with advice.

    Exits with 1 if a finding is wrong.

    It checks tokens, reachability both ways, webhooks, storages, labels, the
    queue, versions, disk, reviews that are not read whole, and events and
    tasks that are set aside.
    """
    from loop.installation.doctor import doctor as examine
    from loop.installation.findings import is_anything_wrong, wrong

    try:
        with narrate("doctor"):
            findings = examine(build().installation, project)
    except PayloadError as error:  # nothing else can be checked
        findings = [wrong("settings", str(error), "see docs/settings.md")]
    screen.show_findings(out, findings)
    if is_anything_wrong(findings):
        raise Unsuccessful(findings)
    return findings


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="The file to write, such as loop.tar.gz.")]) -> Done:
    """
    Write all that cannot be made again to one file: records, weights, reports, keys.

    Everything may run meanwhile. Images, vectors and logs are not in it: they
    are made again. The file is for its owner only, as it has the keys. With
    another database than SQLite, save it with its own tool first, and then
    copy LOOP_HOME, or LOOP_STORE if it is set.
    """
    from loop.installation.backup import backup as save

    settings = Settings.read()
    make_home(settings.home)
    with narrate("backup"):
        line = save(settings.home, settings.database, file.absolute(), FileStore(settings.home, settings.store))
    return done(line, then="keep it on another machine; `loop restore` brings it into an empty LOOP_HOME", file=file)


@app.command()
def restore(file: Annotated[Path, typer.Argument(help="A file that `loop backup` wrote.")]) -> Done:
    """
    Restore a backup into an empty LOOP_HOME.

    Every file is checked by its hash first. Restore only a backup of your
    own: its weights and records are trusted. Stop the installation that it
    comes from before `loop up`: two of them must not work on one project.
    """
    from loop.installation.backup import restore as bring_back

    settings = Settings.read()
    if settings.database_url:
        raise PayloadError("LOOP_DATABASE_URL", "empty: a backup has its records in SQLite", "another database")
    with narrate("restore"):
        line = bring_back(settings.home, file)
    return done(line, then="`loop up`; it makes images and vectors again", home=settings.home)


@app.command()
def worker(queue: Annotated[str, typer.Argument(help="The queue: gpu or default.")]) -> None:
    """
    Run one RQ worker.

    `loop up` starts its own workers.

    More machines can run workers, see docs/scale.md. A worker that lacks
    files, Milvus, keys or the same code refuses to start, and says so.
    """
    prepare_service("loop worker")
    from loop import jobs
    from loop.job_queue.queue import DEFAULT, GPU

    if queue not in (GPU, DEFAULT):
        raise LoopError(f"queue: expected {GPU} or {DEFAULT}, found {queue}")
    act_as(SCHEDULE)
    set_up_logs()
    rooms = build()
    rooms.installation.machine.join()
    import scipy.optimize  # noqa: F401 (judging needs it; here it is loaded once, before the worker forks)

    rooms.studio.load_libraries()  # nearly every job asks Label Studio
    rooms.queue.work(queue, jobs.excuse_stopped)


@app.command()
def schedule() -> None:
    """
    Run the schedule of sweeps, syncs, discoveries and tidying.

    `loop up` starts its own schedule.
    """
    prepare_service("loop schedule")
    set_up_logs()
    settings = Settings.read()
    rooms = build(settings, migrate=True)
    rooms.installation.machine.lead()
    rooms.queue.schedule(*list_schedule(settings))


@app.command()
def adopt() -> Done:
    """
    Record that the files of the installation are in this LOOP_HOME, after the old folder was lost or moved.

    With LOOP_STORE, this copies the files of this LOOP_HOME to the store, which has them from then on. Only an
    installation of several machines or with a store needs this command, see docs/scale.md.
    """
    rooms = open_rooms()

    def put_all() -> None:
        for files in (rooms.registry.versions.files, rooms.datasets.snapshots, rooms.gate.reports):
            files.put_all()

    from_place = rooms.installation.machine.place.adopt(put_all)
    place = rooms.trainings.files.place or "this LOOP_HOME"
    line = f"the files of the installation were in {from_place}; from now on they are in {place}"
    return done(line, then="start `loop up` again on every machine", place=place)


def list_schedule(settings: Settings) -> list[tuple[Callable[[], str], int]]:
    """Return the scheduled jobs, each with its interval in seconds."""
    from loop import jobs

    every = settings.discover_every
    discoveries: list[tuple[Callable[[], str], int]] = [(jobs.discover_all, every)] if every else []
    regular = [(jobs.sweep, SWEEP_SECONDS), (jobs.sync_all, SYNC_SECONDS), (jobs.tidy, TIDY_SECONDS)]
    return [*regular, *discoveries]
