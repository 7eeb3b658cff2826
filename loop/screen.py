"""What the command `loop` shows on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Column, Table

from loop.status import Status
from loop.training_log import Training


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


def _training(training: Training | None) -> str:
    if training is None:
        return "none"
    done = training.progress or {}
    if training.ended_at or not done:
        return f"{training.state}{f': {training.error}' if training.error else ''}"
    left = done.get("seconds_left")
    measured = done.get("map50_95")
    shown = "" if measured is None else f", mAP50-95 {measured:.3f}"
    remaining = "" if left is None else f", {left:.0f} s left"
    return f"epoch {done['epoch']} of {done['epochs']}{shown}{remaining}"
