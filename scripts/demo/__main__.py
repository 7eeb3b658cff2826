"""
Run the demo: `python -m scripts.demo`.

It starts its own Label Studio and `loop up`, and makes a project of composed scenes. A simulated annotator corrects the
tasks that the label stream serves; webhooks alone start the trainings. The loop has no code for the demo.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from loop.rates.rates import Rates
from loop.regions import Pixels
from loop.registry.store import Version
from loop.rooms import Rooms
from loop.training.store import TrainingState
from loop.wiring import build
from scripts.demo import new_category, project, report, scenes, services
from scripts.demo.annotator import Annotator
from scripts.demo.scenes import Scene

TITLE = "Measured on composed scenes of stamps and backgrounds that no task shows"
OWN_TITLE = "Measured on images that no task shows"
BEFORE_AND_AFTER = 4  # scenes
console = Console(width=None if sys.stdout.isatty() else 110)


@dataclass(slots=True)
class Bar:
    """The progress of the whole demo: a bar on a terminal, a line per stage elsewhere."""

    progress: Progress
    task: TaskID
    began: float = field(default_factory=time.monotonic)
    stage: str = ""

    def say(self, text: str, done: float = 0) -> None:
        """Show the current work, and move the bar by *done* steps."""
        self.progress.update(self.task, description=text, advance=done)
        stage = text.partition(", epoch")[0]
        if stage != self.stage and not console.is_terminal:
            console.print(f"{time.monotonic() - self.began:5.0f} s  {stage}", highlight=False, soft_wrap=True)
        self.stage = stage


@dataclass(frozen=True, slots=True)
class DemoRun:
    """Everything that the rounds need."""

    options: argparse.Namespace
    rooms: Rooms
    client: httpx.Client
    project_id: int
    annotator: Annotator
    unseen: Sequence[Scene]
    unseen_data: Path  # the unseen scenes as a YOLO dataset
    bar: Bar


def main() -> None:
    """Run the rounds and show their results."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("demo: stopped"))  # leaving the stack stops the services
    options = read_options()
    console.print("composing the scenes" if not options.data else f"reading {options.data}", highlight=False)
    labels, shown, unseen = read_material(options)
    out = (options.out or Path("demo-out") / f"{datetime.now():%Y-%m-%d-%H%M%S}").resolve()  # noqa: DTZ005
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        progress = stack.enter_context(show_progress())
        work = options.rounds * (2 * options.round_size + options.epochs) + (0 if options.data else new_category.STEPS)
        bar = Bar(progress, progress.add_task("", total=work))
        bar.say("starting Label Studio")
        url, token, login = stack.enter_context(services.label_studio(options, out))
        settings = services.loop_settings(options, out, url, token)
        bar.say("starting the loop")
        stack.enter_context(services.loop_up(settings, out))
        client = stack.enter_context(httpx.Client(base_url=url, auth=services.TokenAuth(url, token), timeout=60))
        project_id = project.create(client, "Demo of the loop", labels)
        project.upload(client, project_id, shown, lambda count: bar.say("uploading scenes", count))
        bar.say("connecting the project")
        services.loop(settings, "connect", "--project", str(project_id))
        rooms = stack.enter_context(closing(build(settings)))
        unseen_data = project.write_dataset(out / "unseen", labels, unseen)
        annotator = Annotator(client, project_id, shown)
        run = DemoRun(options, rooms, client, project_id, annotator, unseen, unseen_data, bar)
        rows = [play_round(run, number) for number in range(1, options.rounds + 1)]
        tasks = new_category.CategoryRun(settings, rooms, client, project_id, {scene.name: scene for scene in shown})
        outcome = None if options.data else new_category.play(tasks, lambda text: bar.say(text, 1))
        bar.say("done")
        progress.update(bar.task, completed=work)
        progress.stop()
        show(run, rows, out)
        if outcome:
            show_new_category(run, outcome)
        console.print(describe_end(options, url, project_id, login), highlight=False, soft_wrap=True)
        if options.keep:
            with suppress(KeyboardInterrupt):
                signal.pause()


def describe_end(options: argparse.Namespace, url: str, project_id: int, login: str) -> str:
    """Say where the project can be looked at, if its Label Studio goes on running, or how to keep it."""
    if not (options.keep or options.url):
        return "Label Studio and the loop are stopped; `make demo KEEP=1` keeps both, to look at what the annotator saw"
    line = f"Label Studio: {url}/projects/{project_id}/data   {login}".rstrip()
    return f"{line}\nIt keeps running until Ctrl-C." if options.keep else line


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--url", help="address of an existing Label Studio; it must be allowed to call this machine")
    parser.add_argument("--token", help="legacy token or personal access token of that Label Studio")
    parser.add_argument("--data", type=Path, help="a YOLO dataset of yours instead of composed scenes")
    parser.add_argument("--out", type=Path, help="folder for all output; by default a new folder in demo-out")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--round-size", type=int, default=80, help="tasks reviewed per round")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--image-size", type=int, default=160)
    parser.add_argument("--keep", action="store_true", help="keep Label Studio and the loop running at the end")
    options = parser.parse_args()
    if bool(options.url) != bool(options.token):
        parser.error("--url and --token go together")
    return options


def read_material(options: argparse.Namespace) -> tuple[list[str], list[Scene], list[Scene]]:
    """Return the labels, the scenes that become tasks, and the unseen scenes to measure on."""
    count = options.rounds * options.round_size
    if options.data:
        labels, own_scenes = project.read_scenes(options.data)
        unseen = max(1, len(own_scenes) // 5)
        return labels, own_scenes[unseen : unseen + count], own_scenes[:unseen]
    known, unknown = scenes.palettes()
    shown = scenes.compose(known, count, seed=1, prefix="scene")
    return sorted(scenes.CLASSES), shown, scenes.compose(unknown, 60, seed=2, prefix="unseen")


def play_round(run: DemoRun, number: int) -> report.RoundRow:
    """Review tasks, wait for the training that the webhooks start, and measure its version."""
    rooms, project_id = run.rooms, run.project_id
    run.bar.say(f"round {number}: predicting the open tasks")
    services.wait_until(lambda: queue_follows(run), "the queue does not follow the champion")
    shown_by = champion(run).name
    for _ in range(run.options.round_size):
        run.bar.say(f"round {number}: reviewing what {shown_by} suggests", 1)
        if run.annotator.review_next() is None:
            break
    wait_for_training(run, number)
    version = champion(run)
    run.bar.say(f"round {number}: measuring {version.name}")
    rates = rooms.rates.store.count_by_version(project_id).get(shown_by, Rates())
    return report.RoundRow(
        number,
        version.name,
        rooms.reviews.store.new_since(project_id, None),
        rooms.gate.evaluator.measure(version.weights, run.unseen_data),
        rates,
    )


def wait_for_training(run: DemoRun, number: int) -> None:
    """Follow the training of a round to its end."""
    epochs = 0

    def is_over() -> bool:
        nonlocal epochs
        trainings = run.rooms.trainings.store.last(run.project_id, number)
        training = trainings[0] if len(trainings) == number else None
        epoch = int((training.progress or {}).get("epoch", 0)) if training else 0
        run.bar.say(f"round {number}: training, epoch {epoch}", max(0, epoch - epochs))
        epochs = max(epochs, epoch)
        if training and training.state == TrainingState.FAILED:
            sys.exit(f"demo: training failed: {training.error}")
        return training is not None and training.ended_at is not None

    services.wait_until(is_over, "no training ended", lambda: epochs)


def queue_follows(run: DemoRun) -> bool:
    """Return whether Label Studio serves the champion's predictions."""
    body = run.client.get(f"/api/projects/{run.project_id}").raise_for_status().json()
    return bool(body["model_version"] == champion(run).name)


def champion(run: DemoRun) -> Version:
    """Return the version that serves."""
    version = run.rooms.registry.versions.champion(run.project_id)
    if version is None:
        sys.exit("demo: no version serves")
    return version


def pixels(scene: Scene) -> Pixels:
    """Return the pixels of a scene as detectors take them: BGR."""
    return np.ascontiguousarray(np.asarray(scene.image)[:, :, ::-1])


def show(run: DemoRun, rows: Sequence[report.RoundRow], out: Path) -> None:
    """Print the table and write the pictures."""
    title = OWN_TITLE if run.options.data else TITLE
    console.print(report.table(rows, title=title))
    report.plot(rows, out / "rounds.png", title=title)
    pictured = run.unseen[:BEFORE_AND_AFTER]
    detections = []
    for name in dict.fromkeys((rows[0].version, rows[-1].version)):
        version = run.rooms.registry.versions.get(run.project_id, name)
        detector = run.rooms.registry.detectors.load(version.weights)
        detections.append((name, detector.detect([pixels(scene) for scene in pictured], 0.25)))
    report.before_and_after(pictured, detections, out / "before-and-after.jpg")
    console.print(f"pictures: {out}/rounds.png, before-and-after.jpg", highlight=False, soft_wrap=True)


def show_new_category(run: DemoRun, outcome: new_category.CategoryOutcome) -> None:
    """Print how the new category is matched, and where its pictures are."""
    console.print(new_category.table(outcome))
    folder = run.rooms.discovery.pictures.path(run.project_id)
    console.print(f"clusters: {folder}, with a map and a sheet of each", highlight=False, soft_wrap=True)


def show_progress() -> Progress:
    """Return a bar of all steps; it moves on a terminal only."""
    columns = (TextColumn("{task.description:<52}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, refresh_per_second=4)


if __name__ == "__main__":
    main()
