"""
Measure the intake of Label Studio's events, idle and under prediction and training: `python -m scripts.bench.intake`.

A real Label Studio, `loop up` with its defaults at 640 px, and events of a real review. Rounds are taken in turns: in
one the training is stopped and nobody predicts, in the next it trains and two clients ask for predictions.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import psutil
import sqlalchemy as sa

from loop.job_queue.liveness import PART
from loop.storage.tables import events
from scripts.bench.event_clients import MADE, Answer, EventSource, Latencies, capture, send_at_once, send_at_rate
from scripts.bench.figures import BenchReport, Goal, Measurement, spread
from scripts.bench.installation import LoadedInstallation, compose, installation
from scripts.bench.soak import Paced, Predictions
from scripts.demo import services
from scripts.demo.annotator import Annotator

ROUNDS, ROUND_SECONDS = 3, 15.0
CLIENTS, RATE = 8, 50.0
PREDICTING = 2  # clients
TRAINED_ON, EPOCHS = 40, 1000  # it is stopped with the installation
GOAL_P99, GOAL_MOST = 100.0, 500.0  # ms
IDLE, LOADED = "nothing else", "prediction and training"


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory(prefix="loop-intake-") as folder:
        run(Path(folder), rounds).publish()


def run(folder: Path, rounds: int) -> BenchReport:
    """Measure all rounds on one installation."""
    variables = {"LOOP_IMAGE_SIZE": "640", "LOOP_EPOCHS": str(EPOCHS), "LOOP_RETRAIN_AFTER": "1000000"}
    measured: dict[tuple[str, str], list[Latencies]] = {}
    with installation(folder, **variables) as loaded:
        project_id, source = prepare(loaded)
        start_training(loaded, project_id)
        sent, before = 0, count_events(loaded)
        for number in range(rounds):
            for load in (IDLE, LOADED):
                with ExitStack() as stack:
                    stack.enter_context(predicting(loaded, project_id) if load == LOADED else training_stopped(loaded))
                    for pace, answers in paces(source, number):
                        sent += sum(answer.status == 202 for answer in answers)
                        measured.setdefault((pace, load), []).append(Latencies.of(answers, ROUND_SECONDS))
                        print(load, pace, measured[pace, load][-1], flush=True)
        services.wait_until(loaded.rooms.reviews.events.spool.is_empty, "events stay in the spool")
        recorded = count_events(loaded) - before
    return make_report(measured, source.size, sent, recorded)


def prepare(loaded: LoadedInstallation) -> tuple[int, EventSource]:
    """Make a project with enough reviews to train on, and return it with the source of its events."""
    shown = compose(TRAINED_ON, seed=4)
    project_id = loaded.add_project("Intake", shown)
    annotator = Annotator(loaded.api, project_id, shown)
    source = EventSource(loaded, project_id, capture(loaded, project_id, annotator))
    while annotator.review_next() is not None:
        pass
    services.wait_until(
        lambda: loaded.rooms.reviews.store.new_since(project_id, None) == TRAINED_ON, "reviews are not recorded"
    )
    return project_id, source


def start_training(loaded: LoadedInstallation, project_id: int) -> None:
    """Start a training, and wait until it is in its first epoch."""
    loaded.loop("retrain", "--project", str(project_id))

    def is_training() -> bool:
        trainings = loaded.rooms.trainings.store.last(project_id, 1)
        return bool(trainings and (trainings[0].progress or {}).get("epoch"))

    services.wait_until(is_training, "no training began")


def paces(source: EventSource, number: int) -> Iterator[tuple[str, list[Answer]]]:
    """Send events at both paces, one after the other."""
    yield f"{CLIENTS} clients, as fast as they are answered", send_at_once(source, CLIENTS, ROUND_SECONDS)
    yield f"{RATE:.0f} a second, at random", send_at_rate(source, RATE, ROUND_SECONDS, number)


def count_events(loaded: LoadedInstallation) -> int:
    """Return the number of events in the records that this program made."""
    is_made = sa.cast(events.c.payload, sa.Text).like(f"%{MADE}%")
    with loaded.rooms.reviews.events.engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(events).where(is_made)) or 0)


@contextmanager
def predicting(loaded: LoadedInstallation, project_id: int) -> Iterator[None]:
    """Have clients ask for one prediction after another."""
    with ExitStack() as stack:
        for _ in range(PREDICTING):
            stack.enter_context(Paced(Predictions(loaded, project_id).predict, 0.0))
        time.sleep(1.0)
        yield


@contextmanager
def training_stopped(loaded: LoadedInstallation) -> Iterator[None]:
    """Hold the training for a while, as if it were not there."""
    held = [process for process in psutil.process_iter() if _trains(process, str(loaded.settings.home))]
    for process in held:
        process.suspend()
    try:
        yield
    finally:
        for process in held:
            process.resume()


def _trains(process: psutil.Process, home: str) -> bool:
    """Whether a process belongs to a job of the worker that trains."""
    with suppress(psutil.Error):
        mine, parent = process.environ(), process.parent()
        is_part = mine.get(PART) == "worker-gpu" and mine.get("LOOP_HOME") == home
        return is_part and parent is not None and parent.environ().get(PART) == "worker-gpu"
    return False


def make_report(measured: dict[tuple[str, str], list[Latencies]], size: int, sent: int, recorded: int) -> BenchReport:
    """Return the latencies, and how they stand to the goal."""
    rows = [
        [
            load,
            pace,
            *(spread([float(getattr(each, name)) for each in rounds]) for name in ("a_second", "p50", "p99")),
            f"{max(each.most for each in rounds):.0f}",
            str(sum(each.errors for each in rounds)),
        ]
        for (pace, load), rounds in sorted(measured.items(), key=lambda item: (item[0][0], item[0][1] != IDLE))
    ]
    columns = ("beside", "events", "a second", "p50, ms", "p99, ms", "slowest, ms", "errors")
    under_load = [rounds for (_, load), rounds in measured.items() if load == LOADED]
    p99 = max(statistics.median(each.p99 for each in rounds) for rounds in under_load)
    most = max(each.most for rounds in under_load for each in rounds)
    work = "intake with prediction and training running: p99; slowest"
    goal = f"under {GOAL_P99:.0f} ms; under {GOAL_MOST:.0f} ms"
    goals = [Goal(work, goal, f"{p99:.0f} ms; {most:.0f} ms", p99 < GOAL_P99 and most < GOAL_MOST)]
    load = (
        f"events of {size} bytes, each on a connection of its own; a training at 640 px, and {PREDICTING} clients that "
        f"ask for predictions at 640 px; the clients and Label Studio run on the same cores"
    )
    raw = {f"{pace}, {load}": [asdict(each) for each in rounds] for (pace, load), rounds in measured.items()}
    done = Measurement("Events", ("", "number"), [["answered 202", str(sent)], ["in the records", str(recorded)]])
    title = f"Intake, {len(under_load[0])} rounds in turns, median (least to most)"
    return BenchReport("intake", load, [Measurement(title, columns, rows), done], goals, dict(raw))


if __name__ == "__main__":
    main()
