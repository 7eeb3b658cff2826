"""A whole installation that can be hurt: a Label Studio of its own behind a proxy, and `loop up` on a small disk."""

import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from loop.wiring import build
from scripts.bench import weights
from scripts.demo import label_studio as studios
from scripts.demo import project as projects
from scripts.demo import scenes
from tests.chaos import studio_proxy
from tests.chaos.annotator import VERDICTS, RandomAnnotator
from tests.services import loop_running, run_loop, settings_of, until

DISK_BYTES = 1 << 30
TASKS = 220
MOST_REVIEWS = 12  # until all four verdicts were given
WORK_SECONDS = 1.5  # that a review and what follows from it keep the parts at work


@dataclass
class Studio:
    """A Label Studio that can be stopped and started again, also on older data."""

    folder: Path
    process: object = None
    server: object = None
    backup: Path = field(init=False)

    def __post_init__(self):
        self.backup = self.folder.with_name("studio-backup.sqlite3")

    def start(self):
        studios.start_from_migrated(self.folder)
        self.process, self.server = studios.start(self.folder, again=self.server)

    def stop(self):
        studios.stop(self.process)

    @property
    def database(self):
        return self.folder / "label_studio.sqlite3"

    def back_up(self):
        with closing(sqlite3.connect(self.database)) as now, closing(sqlite3.connect(self.backup)) as copy:
            now.backup(copy)

    def restore(self):
        self.stop()
        for path in self.folder.glob(f"{self.database.name}*"):
            path.unlink()
        shutil.copy(self.backup, self.database)
        self.start()


@dataclass
class Installation:
    """What a fault may hurt."""

    studio: Studio
    proxy: object
    settings: object
    up: object
    rooms: object
    api: object
    project_id: int
    annotator: RandomAnnotator
    clock: Path  # the file that says how far the clocks of `loop up` are off
    random: random.Random
    over_at: float | None = None  # when a fault began that the loop itself has to end
    afterwards: Callable[[], object] = lambda: None  # waits until work has ended that a fault has hurt

    @property
    def home(self):
        return self.settings.home

    def loop(self, *arguments):
        return run_loop(self.settings, *arguments, "--project", str(self.project_id))

    def start_loop(self, *arguments):
        """Start a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "loop.cli.main", *arguments, "--project", str(self.project_id)],
            env={**os.environ, **self.settings.environment()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def project(self):
        """The project as Label Studio has it."""
        return self.api.get(f"/api/projects/{self.project_id}").raise_for_status().json()

    def tasks(self):
        """All tasks as Label Studio has them."""
        query = {"project": self.project_id, "fields": "all", "page_size": 1000}
        return self.api.get("/api/tasks", params=query).raise_for_status().json()["tasks"]

    def open_tasks(self, count):
        """Tasks that nobody has reviewed, as Label Studio has them."""
        return [task for task in self.tasks() if not task["annotations"] and task["predictions"]][-count:]

    def be_at_work(self):
        """Review a task, and wait until some moment of the work that follows from it."""
        self.annotator.review_next()
        time.sleep(self.random.uniform(0.0, WORK_SECONDS))

    def review_all_kinds(self, known):
        """Review a task, and more until all four verdicts were given on tasks that are not *known*."""
        for _ in range(MOST_REVIEWS):
            assert self.annotator.review_next(VERDICTS - self._given_besides(known)), "too few tasks"
            if self._given_besides(known) == VERDICTS:
                return
        raise AssertionError(f"only {self._given_besides(known)} could be given: the champion suggests too little")

    def _given_besides(self, known):
        return {
            verdict for task, decisions in self.annotator.decided.items() if task not in known for verdict in decisions
        }

    def settle(self):
        """Wait until the work that a fault has hurt has ended, and no training runs: the next fault begins then."""
        self.afterwards()
        until(lambda: not self.rooms.trainings.store.open(self.project_id), 300)

    def forget_fault(self):
        """Forget when the last fault began, and what was to be waited for."""
        self.over_at, self.afterwards = None, lambda: None


@contextmanager
def small_disk():
    """A file system of its own, which can be full; not below pytest's folders, which pytest clears."""
    folder = Path(tempfile.mkdtemp(prefix="loop-chaos-"))
    options = f"size={DISK_BYTES},mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


@contextmanager
def wrong_clock(folder):
    """
    Let processes that start in `with` have a clock of their own; yield the file of seconds that it is off.

    It is changed while they run, as a clock is that somebody sets. Clocks that only go forward stay as they are.
    """
    clock, library = folder / "clock", folder / "clock.so"
    set_clock(clock, 0)
    source = Path(__file__).with_name("clock.c")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_PRELOAD", str(library))
        patch.setenv("LOOP_TEST_CLOCK", str(clock))
        yield clock


def set_clock(clock, seconds):
    """Put the clock wrong by a number of seconds."""
    with clock.open("r+b" if clock.exists() else "wb") as file:
        file.write(struct.pack("q", seconds))


@contextmanager
def running(folder, seed, *, tasks=TASKS, **more):
    """An installation whose champion really suggests, with all its tasks predicted."""
    with ExitStack() as stack:
        start = weights.start_weights(folder / "weights")
        studio = Studio(folder / "studio")
        studio.start()
        stack.callback(studio.stop)
        proxy = stack.enter_context(studio_proxy.running(studio.server.url))
        home = stack.enter_context(small_disk()) / "home"
        stack.callback(shutil.copytree, home / "logs", folder / "logs")  # to be read where something failed
        variables = {
            "LABEL_STUDIO_URL": proxy.url,
            "LOOP_BASE_WEIGHTS": str(start),
            "LOOP_IMAGE_SIZE": str(weights.IMAGE_SIZE),
            "LOOP_EPOCHS": "6",
            "LOOP_BATCH": "8",
            "LOOP_RETRAIN_AFTER": "1000",
            "LOOP_SCORE_THRESHOLD": "0.1",
            "LOOP_EMBEDDER": "yolo:",
            "LOOP_DEFAULT_WORKERS": "2",
            **more,
        }
        settings = settings_of(studio.server, home, **variables)
        with wrong_clock(folder) as clock:
            up = stack.enter_context(loop_running(settings))
        rooms = stack.enter_context(closing(build(settings)))
        headers = {"Authorization": f"Token {studio.server.token}"}
        api = stack.enter_context(httpx.Client(base_url=studio.server.url, headers=headers, timeout=60))
        project_id = _fill(api, seed, tasks)
        run_loop(settings, "connect", "--project", str(project_id))
        annotator = RandomAnnotator(api, project_id, weights.LABELS, seed)
        parts = (studio, proxy, settings, up, rooms, api, project_id, annotator, clock, random.Random(seed))
        installation = Installation(*parts)
        until(lambda: len(installation.open_tasks(tasks)) == tasks, 300, every=1)
        yield installation


def _fill(api, seed, tasks):
    palette, _ = scenes.palettes(classes=weights.CLASSES)
    project_id = projects.create(api, "Chaos", weights.LABELS)
    projects.upload(api, project_id, scenes.compose(palette, tasks, seed=seed, prefix="c"), lambda _: None)
    return project_id
