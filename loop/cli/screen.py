"""Terminal output of several commands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console

from loop.cli.grid import Field, show_table
from loop.gate.comparison import Part
from loop.gate.report import GateReport, list_broken, list_fixed
from loop.installation.findings import Finding, Level
from loop.installation.status import ProjectStatus, Status
from loop.notices import Delivery, DeliveryState
from loop.secrecy import redact
from loop.training.store import Phase, Training, describe_progress

STYLE = {Level.OK: "green", Level.WARNING: "yellow", Level.WRONG: "bold red"}


def show_deliveries(out: Console, deliveries: Sequence[Delivery]) -> None:
    """Print one row per delivery."""
    fields = (
        Field("notice"),
        Field("kind", rank=1),
        Field("project", rank=4, is_number=True),
        Field("receiver", folds=True),
        Field("attempts", rank=5, is_number=True),
        Field("state"),
        Field("error", rank=3, folds=True),
    )
    show_table(out, fields, [_delivery_row(delivery) for delivery in deliveries])


def _delivery_row(delivery: Delivery) -> tuple[str, ...]:
    notice, state = delivery.notice, delivery.state.value
    if delivery.state == DeliveryState.WAITING and delivery.due_at:
        state = f"due {delivery.due_at:%m-%d %H:%M} UTC"
    counts = (delivery.url, str(delivery.attempts), state, delivery.error or "")
    return (notice.id, notice.kind, str(notice.project_id), *counts)


def delivery_json(delivery: Delivery) -> dict[str, object]:
    """Return a delivery as plain JSON."""
    return {
        "id": delivery.notice.id,
        "kind": delivery.notice.kind,
        "project": delivery.notice.project_id,
        "created_at": delivery.notice.created_at.isoformat(),
        "receiver": redact(delivery.url),
        "state": delivery.state.value,
        "attempts": delivery.attempts,
        "due_at": delivery.due_at.isoformat() if delivery.due_at else None,
        "delivered_at": delivery.delivered_at.isoformat() if delivery.delivered_at else None,
        "status": delivery.status,
        "error": delivery.error,
    }


def show_status(out: Console, report: Status) -> None:
    """Print the state of the installation."""
    for name, state in report.parts.items():
        out.print(f"{name:<14} {state}")
    fields = (
        Field("project", is_number=True),
        Field("title", rank=1, folds=True),
        Field("champion"),
        Field("reviewed", rank=4, is_number=True),
        Field("new", rank=3, is_number=True),
        Field("last training", rank=2, folds=True),
        Field("confirmed", rank=5),
    )
    show_table(out, fields, [_project_row(project) for project in report.projects])
    for project in report.projects:
        if project.alert:
            out.print(f"project {project.id}: {project.alert}")
        if project.waits_for_a_person and project.training:
            version, options = project.training.version, f"--project {project.id}"
            out.print(f"project {project.id}: {version} is held, for a person to decide.")
            out.print(f"  see it: loop models report {version} {options}")
            out.print(f'  let it serve: loop models promote {version} {options} --force --why "…"')
    for line in report.events:
        out.print(line)


def _project_row(project: ProjectStatus) -> tuple[str, ...]:
    rate = project.rates.confirmed_rate
    confirmed = "" if rate is None else f"{rate:.0%} of {project.rates.predicted}"
    counts = (str(project.reviewed), str(project.new_reviews))
    return (str(project.id), project.title, project.champion or "none", *counts, _training(project.training), confirmed)


def show_trainings(out: Console, trainings: Sequence[Training]) -> None:
    """Print one row per training."""
    fields = (
        Field("id", is_number=True),
        Field("state", folds=True),
        Field("asked by", rank=3, folds=True),
        Field("asked at", rank=2),
        Field("starts", rank=4, is_number=True),
        Field("version", rank=1),
    )
    rows = [
        (
            *(str(training.id), _training(training), training.asked_by, f"{training.asked_at:%Y-%m-%d %H:%M:%S}"),
            *(str(training.attempts), training.version),
        )
        for training in trainings
    ]
    show_table(out, fields, [tuple(cell or "" for cell in row) for row in rows])


def _training(training: Training | None) -> str:
    if training is None:
        return "none"
    progress = training.progress or {}
    if training.ended_at or not progress:
        return f"{training.status}{f': {training.error}' if training.error else ''}"
    left, map50_95 = progress.get("seconds_left"), progress.get("map50_95")
    batch, batch_asked = progress.get("batch", 0), progress.get("batch_asked", 0)
    details = [
        describe_progress(training),
        *([f"mAP50-95 {map50_95:.3f}"] if map50_95 is not None else []),
        *([f"{left:.0f} s left"] if left is not None and progress["phase"] == Phase.TRAINING else []),
        *([f"{batch} images a step instead of {batch_asked}: out of memory"] if batch < batch_asked else []),
        *(["to be cancelled"] if training.is_cancelled else []),
    ]
    return ", ".join(details)


def show_comparison(out: Console, report: GateReport) -> None:
    """Print the comparison of two versions: one row for all classes, one row per class."""
    comparison = report.comparison
    names = [side.name.rpartition("@")[2] for side in (report.champion, report.candidate)]
    fields = (
        Field("class", folds=True),
        Field("images", rank=3, is_number=True),
        Field("boxes", rank=2, is_number=True),
        *(Field(name, rank=1, is_number=True) for name in names),
        Field("change", is_number=True),
        Field("95% interval", is_number=True),
    )
    whole = Part("all", comparison.candidate.images, comparison.candidate.boxes, comparison.overall)
    changes = [whole, *sorted(comparison.classes, key=lambda part: part.change.lead)]
    rows = [_part_row(part) for part in [*changes, *(part for part in (comparison.known, comparison.fresh) if part)]]
    out.print(f"mAP50-95 on the held-out images of snapshot {report.snapshot[:16]}")
    show_table(out, fields, rows)
    fewer, more = len(list_fixed(comparison.mistakes)), len(list_broken(comparison.mistakes))
    out.print(f"{report.candidate.name} has fewer mistakes on {fewer} images, more on {more}")
    if comparison.latency:
        out.print(f"{comparison.latency.champion:.1f} and {comparison.latency.candidate:.1f} ms an image")


def _part_row(part: Part) -> tuple[str, ...]:
    change = part.change
    numbers = (f"{change.champion:.3f}", f"{change.candidate:.3f}", f"{change.lead:+.3f}")
    return (part.name, str(part.images), str(part.boxes), *numbers, f"{change.low:+.3f} to {change.high:+.3f}")


def show_findings(out: Console, findings: Sequence[Finding]) -> None:
    """Print finding line per finding, with its advice below."""
    for finding in findings:
        where = f"project {finding.project} {finding.check}" if finding.project is not None else finding.check
        out.print(f"{finding.level.value:<8}", style=STYLE[finding.level], end="")
        out.print(f"{where:<24} {finding.found}")
        if finding.advice:
            out.print(f"{'':<8}{'':<24} → {finding.advice}")
    counts = Counter(finding.level for finding in findings)
    out.print(", ".join(f"{counts[level]} {level.value}" for level in Level))


def findings_json(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """Return the findings as plain JSON."""
    return [{key: value for key, value in asdict(finding).items() if value not in ("", None)} for finding in findings]
