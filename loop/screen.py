"""What the command `loop` shows on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from loop.outbox import Delivery, DeliveryState
from loop.status import Status
from loop.training_log import Phase, Training, where


def show_deliveries(out: Console, found: Sequence[Delivery]) -> None:
    """Print a row a delivery."""
    table = Table(Column("notice", no_wrap=True), "kind", "project", "receiver", "attempts", "state", "error", box=None)
    for one in found:
        notice, state = one.notice, one.state.value
        if one.state == DeliveryState.WAITING and one.due_at:
            state = f"due {one.due_at:%Y-%m-%d %H:%M:%S} UTC"
        row = (notice.id, notice.kind, str(notice.project_id), one.url, str(one.attempts), state, one.error or "")
        table.add_row(*(escape(cell) for cell in row))
    out.print(table)


def delivery_json(one: Delivery) -> dict[str, object]:
    """A delivery as plain JSON."""
    return {
        "id": one.notice.id,
        "kind": one.notice.kind,
        "project": one.notice.project_id,
        "created_at": one.notice.created_at.isoformat(),
        "receiver": one.url,
        "state": one.state.value,
        "attempts": one.attempts,
        "due_at": one.due_at.isoformat() if one.due_at else None,
        "delivered_at": one.delivered_at.isoformat() if one.delivered_at else None,
        "status": one.status,
        "error": one.error,
    }


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
    batch, batch_asked = done.get("batch", 0), done.get("batch_asked", 0)
    details = [
        where(training),
        *([f"mAP50-95 {measured:.3f}"] if measured is not None else []),
        *([f"{left:.0f} s left"] if left is not None and done["phase"] == Phase.TRAINING else []),
        *([f"{batch} images a step instead of {batch_asked}: out of memory"] if batch < batch_asked else []),
        *(["to be cancelled"] if training.is_cancelled else []),
    ]
    return ", ".join(details)
