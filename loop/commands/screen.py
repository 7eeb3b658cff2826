"""What the command `loop` shows on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from loop.adapters.outbox import Delivery, DeliveryState
from loop.adapters.training_log import Phase, Training, where
from loop.decisions.comparison import Part
from loop.decisions.report import Report, broken, fixed
from loop.use_cases.status import Status


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
        if project.waits_for_a_person and project.training:
            version, options = project.training.version, f"--project {project.id}"
            out.print(f"project {project.id}: {version} is held, for a person to decide.", markup=False)
            out.print(f"  see it: loop models report {version} {options}", markup=False)
            out.print(f'  let it serve: loop models promote {version} {options} --force --why "…"', markup=False)
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


def show_comparison(out: Console, report: Report) -> None:
    """Print what changed between two versions, a row for all classes and one a class."""
    found = report.comparison
    names = [side.name.rpartition("@")[2] for side in (report.champion, report.candidate)]
    table = Table("class", "images", "boxes", *names, "change", Column("95% interval", no_wrap=True), box=None)
    whole = Part("all", found.candidate.images, found.candidate.boxes, found.overall)
    parts = [whole, *sorted(found.classes, key=lambda part: part.change.lead)]
    for part in [*parts, *(part for part in (found.known, found.fresh) if part)]:
        change = part.change
        numbers = (f"{change.champion:.3f}", f"{change.candidate:.3f}", f"{change.lead:+.3f}")
        row = (part.name, str(part.images), str(part.boxes), *numbers, f"{change.low:+.3f} to {change.high:+.3f}")
        table.add_row(*(escape(cell) for cell in row))
    out.print(f"mAP50-95 on the held-out images of snapshot {report.snapshot[:16]}")
    out.print(table)
    fewer, more = len(fixed(found.mistakes)), len(broken(found.mistakes))
    out.print(f"{report.candidate.name} has fewer mistakes on {fewer} images, more on {more}", markup=False)
    if found.latency:
        out.print(f"{found.latency.champion:.1f} and {found.latency.candidate:.1f} ms an image")
