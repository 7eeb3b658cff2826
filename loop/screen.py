"""What the command `loop` shows on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table

from loop.status import Status
from loop.training_log import Phase, Training, where


def show_status(out: Console, found: Status) -> None:
    """Print how the installation stands."""
    for name, state in found.parts.items():
        out.print(f"{name:<14} {state}", markup=False)
    table = Table(
        "project", Column("champion", no_wrap=True), "reviewed", "new", "last training", "confirmed", box=None
    )
    for project in found.projects:
        rate = project.rates.confirmed_rate
        confirmed = "" if rate is None else f"{rate:.0%} of {project.rates.predicted}"
        title, serving = f"{project.id} {project.title}", project.champion or "none"
        reviewed, new = str(project.reviewed), str(project.new_reviews)
        table.add_row(title, serving, reviewed, new, _training(project.training), confirmed)
    out.print(table)
    for project in found.projects:
        if project.alert:
            out.print(f"project {project.id}: {project.alert}", markup=False)
    for line in found.events:
        out.print(line, markup=False)


def show_trainings(out: Console, found: Sequence[Training]) -> None:
    """Print a row a training."""
    table = Table(Column("id", no_wrap=True), "state", "asked by", "asked at", "starts", "version", box=None)
    for one in found:
        asked_at = f"{one.asked_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(str(one.id), _training(one), one.asked_by, asked_at, str(one.attempts), one.version or "")
    out.print(table)


def _training(training: Training | None) -> str:
    if training is None:
        return "none"
    done = training.progress or {}
    if training.ended_at or not done:
        return f"{training.state}{f': {training.error}' if training.error else ''}"
    left, measured = done.get("seconds_left"), done.get("map50_95")
    details = [
        where(training),
        *([f"mAP50-95 {measured:.3f}"] if measured is not None else []),
        *([f"{left:.0f} s left"] if left is not None and done["phase"] == Phase.TRAINING else []),
        *(["to be cancelled"] if training.is_cancelled else []),
    ]
    return ", ".join(details)
