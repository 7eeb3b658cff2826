"""
Measure how long commands take, as whole processes: `python -m scripts.bench.commands [ROUNDS]`.

On a whole installation that runs: a real Label Studio, `loop up`, and a project of some scenes.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from loop.settings import Settings
from scripts.bench.figures import BenchReport, Goal, Measurement, spread
from scripts.bench.installation import compose, installation
from scripts.demo import services

ROUNDS, SCENES = 7, 12
HELP, STATUS = "loop --help", "loop status"
COMMANDS = (HELP, STATUS, "loop doctor", "loop models list", "loop rates", "loop sync", "loop training list")
OF_A_PROJECT = ("models", "rates", "sync", "training")


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with (
        tempfile.TemporaryDirectory(prefix="loop-commands-") as folder,
        installation(Path(folder), LOOP_EMBEDDER="none") as loaded,
    ):
        project_id = loaded.add_project("Commands", compose(SCENES, seed=4))
        client, versions = loaded.rooms.studio.client, loaded.rooms.registry.versions
        champion = versions.champion(project_id)
        assert champion is not None
        services.wait_until(lambda: client.count_open(project_id, champion.name) == SCENES, "not all tasks predicted")
        measured: dict[str, list[float]] = {command: [] for command in COMMANDS}
        for number in range(rounds + 1):  # the first warms up
            for command in COMMANDS:
                seconds = run(loaded.settings, command, project_id)
                measured[command] += [seconds] if number else []
        make_report(measured).publish()


def run(settings: Settings, command: str, project_id: int) -> float:
    """Run a command as a user does; return its seconds."""
    words = command.split()[1:]
    project = ["--project", str(project_id)] if words[0] in OF_A_PROJECT else []
    environment = {**os.environ, **settings.environment()}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its modules compiled
    arguments = [str(Path(sys.executable).with_name("loop")), *words, *project]
    began = time.perf_counter()
    subprocess.run(arguments, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def make_report(measured: dict[str, list[float]]) -> BenchReport:
    """Return the medians of all commands."""
    count = len(measured[HELP])
    rows = [[f"`{command}`", spread(seconds, 2)] for command, seconds in measured.items()]
    table = Measurement(f"Seconds of {count} runs in turns, median (least to most)", ("", "s"), rows)
    help_s, status_s = statistics.median(measured[HELP]), statistics.median(measured[STATUS])
    goal = Goal(
        "`loop --help`; `loop status`",
        "under 0.3 s; under 1 s",
        f"{help_s:.2f} s; {status_s:.2f} s",
        help_s < 0.3 and status_s < 1.0,
    )
    load = f"whole processes, on an installation that runs with a real Label Studio and a project of {SCENES} tasks"
    return BenchReport("commands", load, [table], [goal], raw={"seconds": measured})


if __name__ == "__main__":
    main()
