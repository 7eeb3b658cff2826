"""
Run the demo: `python -m scripts.demo`.

A Label Studio and a `loop up` of their own, a project of composed scenes, an annotator who corrects what the label
stream serves, and rounds of training that nothing but webhooks ask for. The loop does not know that it is a demo.
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
    """The progress all the way: a bar on a terminal, a line per stage elsewhere."""

    progress: Progress
    task: TaskID
    began: float = field(default_factory=time.monotonic)
    stage: str = ""

    def say(self, what: str, done: float = 0) -> None:
        """Say what is going on, and how many steps it has come further."""
        self.progress.update(self.task, description=what, advance=done)
        stage = what.partition(", epoch")[0]
        if stage != self.stage and not console.is_terminal:
            console.print(f"{time.monotonic() - self.began:5.0f} s  {stage}", highlight=False, soft_wrap=True)
        self.stage = stage


@dataclass(frozen=True, slots=True)
class Game:
    """All that the rounds are played with."""

    options: argparse.Namespace
    rooms: Rooms
    client: httpx.Client
    project_id: int
    annotator: Annotator
    unseen: Sequence[Scene]
    unseen_data: Path  # the same as a YOLO dataset
    bar: Bar


def main() -> None:
    """Play the rounds and show what came of them."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("demo: stopped"))  # so that what was started is stopped
    options = read_options()
    console.print("composing the scenes" if not options.data else f"reading {options.data}", highlight=False)
    labels, shown, unseen = material(options)
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
        client = stack.enter_context(httpx.Client(base_url=url, auth=services.Signed(url, token), timeout=60))
        project_id = project.create(client, "Demo of the loop", labels)
        project.upload(client, project_id, shown, lambda count: bar.say("uploading scenes", count))
        bar.say("connecting the project")
        services.loop(settings, "connect", "--project", str(project_id))
        rooms = stack.enter_context(closing(build(settings)))
        unseen_data = project.write_dataset(out / "unseen", labels, unseen)
        annotator = Annotator(client, project_id, shown)
        game = Game(options, rooms, client, project_id, annotator, unseen, unseen_data, bar)
        rows = [play_round(game, number) for number in range(1, options.rounds + 1)]
        scenery = new_category.Scenery(settings, rooms, client, project_id, {scene.name: scene for scene in shown})
        outcome = None if options.data else new_category.play(scenery, lambda what: bar.say(what, 1))
        bar.say("done")
        progress.update(bar.task, completed=work)
        progress.stop()
        show(game, rows, out)
        if outcome:
            show_new_category(game, outcome)
        console.print(f"Label Studio: {url}/projects/{project_id}/data   {login}", highlight=False, soft_wrap=True)
        if options.keep:
            console.print("It keeps running until Ctrl-C.")
            with suppress(KeyboardInterrupt):
                signal.pause()


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--url", help="an existing Label Studio; it must be allowed to call this machine")
    parser.add_argument("--token", help="its legacy token or personal access token")
    parser.add_argument("--data", type=Path, help="an own YOLO dataset instead of composed scenes")
    parser.add_argument("--out", type=Path, help="a folder for all that comes of it; a new one in demo-out by default")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--round-size", type=int, default=80, help="tasks reviewed a round")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--image-size", type=int, default=160)
    parser.add_argument("--keep", action="store_true", help="keep Label Studio and the loop running at the end")
    options = parser.parse_args()
    if bool(options.url) != bool(options.token):
        parser.error("--url and --token go together")
    return options


def material(options: argparse.Namespace) -> tuple[list[str], list[Scene], list[Scene]]:
    """The labels, the scenes that become tasks, and those that only measure."""
    count = options.rounds * options.round_size
    if options.data:
        labels, own = project.own_scenes(options.data)
        unseen = max(1, len(own) // 5)
        return labels, own[unseen : unseen + count], own[:unseen]
    known, unknown = scenes.palettes()
    shown = scenes.compose(known, count, seed=1, prefix="scene")
    return sorted(scenes.CLASSES), shown, scenes.compose(unknown, 60, seed=2, prefix="unseen")


def play_round(game: Game, number: int) -> report.Row:
    """Review, wait for what the webhooks bring about, measure."""
    rooms, project_id = game.rooms, game.project_id
    game.bar.say(f"round {number}: predicting the open tasks")
    services.until(lambda: queue_follows(game), "the queue does not follow the champion")
    shown_by = champion(game).name
    for _ in range(game.options.round_size):
        game.bar.say(f"round {number}: reviewing what {shown_by} suggests", 1)
        if game.annotator.review_next() is None:
            break
    wait_for_training(game, number)
    version = champion(game)
    game.bar.say(f"round {number}: measuring {version.name}")
    rates = rooms.rates.store.count_by_version(project_id).get(shown_by, Rates())
    return report.Row(
        number,
        version.name,
        rooms.reviews.store.new_since(project_id, None),
        rooms.gate.evaluator.measure(version.weights, game.unseen_data),
        rates,
    )


def wait_for_training(game: Game, number: int) -> None:
    """Follow the training of a round to its end."""
    seen = 0

    def is_over() -> bool:
        nonlocal seen
        last = game.rooms.trainings.store.last(game.project_id, number)
        training = last[0] if len(last) == number else None
        epoch = int((training.progress or {}).get("epoch", 0)) if training else 0
        game.bar.say(f"round {number}: training, epoch {epoch}", max(0, epoch - seen))
        seen = max(seen, epoch)
        if training and training.state == TrainingState.FAILED:
            sys.exit(f"demo: training failed: {training.error}")
        return training is not None and training.ended_at is not None

    services.until(is_over, "no training ended")


def queue_follows(game: Game) -> bool:
    """Whether Label Studio serves the champion's predictions."""
    fields = game.client.get(f"/api/projects/{game.project_id}").raise_for_status().json()
    return bool(fields["model_version"] == champion(game).name)


def champion(game: Game) -> Version:
    """The version that serves."""
    version = game.rooms.registry.versions.champion(game.project_id)
    if version is None:
        sys.exit("demo: no version serves")
    return version


def pixels(scene: Scene) -> Pixels:
    """A scene as detectors take it."""
    return np.ascontiguousarray(np.asarray(scene.image)[:, :, ::-1])


def show(game: Game, rows: Sequence[report.Row], out: Path) -> None:
    """Print the table and write the pictures."""
    title = OWN_TITLE if game.options.data else TITLE
    console.print(report.table(rows, title=title))
    report.plot(rows, out / "rounds.png", title=title)
    shown = game.unseen[:BEFORE_AND_AFTER]
    detected = []
    for name in dict.fromkeys((rows[0].version, rows[-1].version)):
        version = game.rooms.registry.versions.get(game.project_id, name)
        detector = game.rooms.registry.detectors.load(version.weights)
        detected.append((name, detector.detect([pixels(scene) for scene in shown], 0.25)))
    report.before_and_after(shown, detected, out / "before-and-after.jpg")
    console.print(f"pictures: {out}/rounds.png, before-and-after.jpg", highlight=False, soft_wrap=True)


def show_new_category(game: Game, outcome: new_category.Outcome) -> None:
    """Print how what had no name is told, and where the pictures of it are."""
    console.print(new_category.table(outcome))
    folder = game.rooms.discovery.pictures.path(game.project_id)
    console.print(f"clusters: {folder}, with a map and a sheet of each", highlight=False, soft_wrap=True)


def show_progress() -> Progress:
    """A bar of all steps; it moves on a terminal only."""
    columns = (TextColumn("{task.description:<52}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, refresh_per_second=4)


if __name__ == "__main__":
    main()
