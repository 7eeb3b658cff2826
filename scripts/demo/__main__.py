"""
Run the demo: `python -m scripts.demo`.

A Label Studio and a `loop up` of their own, a project of composed scenes, an annotator who corrects what the label
stream serves, and rounds of training that nothing but webhooks ask for. The loop does not know that it is a demo.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from loop.bootstrap import build
from loop.evaluator import measure
from loop.gate import Metrics
from loop.ls_client import LabelStudio
from loop.parts import Parts
from loop.rates import Rates
from loop.regions import Pixels, Region
from loop.registry import Version
from loop.settings import Settings
from loop.training_log import State
from scripts.demo import project, report, scenes, studio
from scripts.demo.annotator import Annotator
from scripts.demo.scenes import Scene

TITLE = "Composed scenes: stamps and backgrounds that no task shows"
PATIENCE = 900.0  # seconds that a training or a refresh may take
console = Console()


def main() -> None:
    """Play the rounds and show what came of them."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("demo: stopped"))  # so that what was started is stopped
    options = read_options()
    out = options.out.resolve()
    if out.exists() and any(out.iterdir()):
        sys.exit(f"demo: {out} is not empty; remove it or choose another with --out")
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        bar = stack.enter_context(progress())
        work = options.rounds * (2 * options.round_size + options.epochs)
        step = bar.add_task("starting Label Studio", total=work)
        labels, shown, unseen = material(options)
        url, token, login = stack.enter_context(label_studio(options, out))
        settings = loop_settings(options, out, url, token)
        bar.update(step, description="starting the loop")
        stack.enter_context(loop_up(settings, out))
        client = stack.enter_context(httpx.Client(base_url=url, auth=Signed(url, token), timeout=60))
        project_id = project.create(client, "Demo: composed scenes", labels)
        bar.update(step, description="uploading scenes")
        project.upload(client, project_id, shown, lambda count: bar.advance(step, count))
        loop(settings, "connect", "--project", str(project_id))
        parts = build(settings)
        annotator = Annotator(client, project_id, shown)

        def tell(what: str, done: float = 0) -> None:
            bar.update(step, description=what, advance=done)

        rows = play(options, parts, client, project_id, annotator, labels, unseen, tell)
        bar.update(step, completed=work, description="done")
        bar.stop()
        show(rows, parts, project_id, unseen, out)
        console.print(f"Label Studio: {url}/projects/{project_id}/data   {login}", highlight=False)
        if options.keep:
            console.print("It keeps running until Ctrl-C.")
            signal.sigwait({signal.SIGINT, signal.SIGTERM})


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--url", help="an existing Label Studio; it must be allowed to call this machine")
    parser.add_argument("--token", help="its legacy token or personal access token")
    parser.add_argument("--data", type=Path, help="an own YOLO dataset instead of composed scenes")
    parser.add_argument("--out", type=Path, default=Path("demo-out"), help="a new folder for all that comes of it")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--round-size", type=int, default=64, help="tasks reviewed a round")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--image-size", type=int, default=160)
    parser.add_argument("--keep", action="store_true", help="keep Label Studio and the loop running at the end")
    return parser.parse_args()


def play(
    options: argparse.Namespace,
    parts: Parts,
    client: httpx.Client,
    project_id: int,
    annotator: Annotator,
    labels: Sequence[str],
    unseen: Sequence[Scene],
    tell: Callable[..., None],
) -> list[report.Row]:
    """Review, wait for what the webhooks bring about, measure; once a round."""
    rows = []
    for number in range(1, options.rounds + 1):
        tell(f"round {number}: predicting the open tasks")
        until(lambda: queue_follows(parts, client, project_id), "the queue does not follow the champion")
        shown_by = champion(parts, project_id).name
        for _ in range(options.round_size):
            tell(f"round {number}: reviewing what {shown_by} suggests", 1)
            if annotator.review_next() is None:
                break
        wait_for_training(parts, project_id, number, tell)
        version = champion(parts, project_id)
        tell(f"round {number}: measuring {version.name}")
        rates = parts.reviews.rates(project_id).get(shown_by, Rates())
        reviewed = parts.reviews.new_since(project_id, None)
        rows.append(report.Row(number, version.name, reviewed, measured(parts, version, unseen, labels), rates))
    return rows


def wait_for_training(parts: Parts, project_id: int, number: int, tell: Callable[..., None]) -> None:
    """Follow the round's training to its end."""
    seen = 0

    def ended() -> bool:
        nonlocal seen
        found = parts.trainings.last(project_id, number)
        training = found[0] if len(found) == number else None
        epoch = int((training.progress or {}).get("epoch", 0)) if training else 0
        tell(f"round {number}: training, epoch {epoch}", max(0, epoch - seen))
        seen = max(seen, epoch)
        if training and training.state == State.FAILED:
            sys.exit(f"demo: training failed: {training.error}")
        return training is not None and training.ended_at is not None

    until(ended, "no training ended")


def queue_follows(parts: Parts, client: httpx.Client, project_id: int) -> bool:
    """Whether Label Studio serves the champion's predictions."""
    served = client.get(f"/api/projects/{project_id}").raise_for_status().json()["model_version"]
    return bool(served == champion(parts, project_id).name)


def champion(parts: Parts, project_id: int) -> Version:
    """The version that serves."""
    found = parts.registry.champion(project_id)
    assert found is not None
    return found


def measured(parts: Parts, version: Version, unseen: Sequence[Scene], labels: Sequence[str]) -> Metrics:
    """Measure a version on the scenes that no task shows."""
    detector = parts.detectors.load(version.weights)
    pairs = ((pixels(scene), [Region("", box, label) for label, box in scene.objects]) for scene in unseen)
    return measure(detector.detect, pairs, labels)


def pixels(scene: Scene) -> Pixels:
    """A scene as detectors take it."""
    return np.ascontiguousarray(np.asarray(scene.image)[:, :, ::-1])


def show(rows: list[report.Row], parts: Parts, project_id: int, unseen: Sequence[Scene], out: Path) -> None:
    """Print the table and write the pictures."""
    console.print(report.table(rows, title=TITLE))
    report.plot(rows, out / "rounds.png", title=TITLE)
    some = unseen[:4]
    found = []
    for name in dict.fromkeys((rows[0].version, rows[-1].version)):
        detector = parts.detectors.load(parts.registry.get(project_id, name).weights)
        found.append((name, detector.detect([pixels(scene) for scene in some], 0.25)))
    report.before_and_after(some, found, out / "before-and-after.png")
    console.print(f"pictures: {out / 'rounds.png'} {out / 'before-and-after.png'}", highlight=False)


def material(options: argparse.Namespace) -> tuple[list[str], list[Scene], list[Scene]]:
    """The labels, the scenes that become tasks, and those that only measure."""
    count = options.rounds * options.round_size
    if options.data:
        labels, found = project.own_scenes(options.data)
        kept = max(1, len(found) // 5)
        return labels, found[kept : kept + count], found[:kept]
    known, unknown = scenes.palettes()
    shown = scenes.compose(known, count, seed=1, prefix="scene")
    return sorted(scenes.CLASSES), shown, scenes.compose(unknown, 60, seed=2, prefix="unseen")


def loop_settings(options: argparse.Namespace, out: Path, url: str, token: str) -> Settings:
    """The settings a user would choose for small images on two cores; nothing here is known to the loop as a demo."""
    return Settings.read(
        {
            "LOOP_HOME": str(out / "loop"),
            "LABEL_STUDIO_URL": url,
            "LABEL_STUDIO_API_KEY": token,
            "BASIC_AUTH_USER": "loop",
            "BASIC_AUTH_PASS": secrets.token_urlsafe(12),
            "LOOP_PORT": str(studio.free_port()),
            "LOOP_BASE_WEIGHTS": str(scenes.WARM_START),
            "LOOP_IMAGE_SIZE": str(options.image_size),
            "LOOP_EPOCHS": str(options.epochs),
            "LOOP_BATCH": "8",
            "LOOP_RETRAIN_AFTER": str(options.round_size),
        }
    )


@contextmanager
def label_studio(options: argparse.Namespace, out: Path) -> Iterator[tuple[str, str, str]]:
    """The Label Studio to use: its address, a token, and how a person logs in."""
    if options.url:
        yield options.url.rstrip("/"), options.token or "", ""
        return
    with studio.running(out / "label-studio") as own:
        yield own.url, own.token, f"user {own.email}   password {own.password}"


@contextmanager
def loop_up(settings: Settings, out: Path) -> Iterator[None]:
    """Run `loop up` beside us."""
    with (out / "loop-up.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "loop.cli", "up"],
            env={**os.environ, **settings.environment(), "PYTHONUNBUFFERED": "1"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until(lambda: b"ready" in (out / "loop-up.log").read_bytes() or process.poll() is not None, "no loop")
        if process.poll() is not None:
            sys.exit(f"demo: `loop up` stopped:\n{(out / 'loop-up.log').read_text()[-2000:]}")
        yield
    finally:
        process.terminate()
        process.wait(60)


def loop(settings: Settings, *arguments: str) -> None:
    """Run a command of the loop."""
    command = [sys.executable, "-m", "loop.cli", *arguments]
    done = subprocess.run(
        command, env={**os.environ, **settings.environment()}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"demo: loop {' '.join(arguments)}: {done.stderr[-2000:]}")


def until(is_done: Callable[[], bool], otherwise: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE
    while not is_done():
        if time.monotonic() > deadline:
            sys.exit(f"demo: {otherwise} after {PATIENCE:.0f} s")
        time.sleep(0.5)


class Signed(httpx.Auth):
    """Signs requests with a legacy token or a personal access token, refreshed where needed."""

    def __init__(self, url: str, token: str) -> None:
        self._studio = LabelStudio(url, token)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header of this moment."""
        request.headers["Authorization"] = self._studio.authorization()
        yield request


def progress() -> Progress:
    """A bar all the way."""
    columns = (TextColumn("{task.description:<48}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, refresh_per_second=4)


if __name__ == "__main__":
    main()
