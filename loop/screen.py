"""What the command `loop` shows on the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from loop.comparison import Part
from loop.rates import By, Rates, advise, wilson
from loop.report import Report, broken, fixed
from loop.status import Status
from loop.training_log import Training


def show_rates(out: Console, groups: Mapping[str, Rates], by: By) -> None:
    """Print a row a group, and below what the rates call for."""
    table = Table(by.value, *Rates().shares(), box=None)
    for name, found in groups.items():
        table.add_row(name, *(_share(*share) for share in found.shares().values()))
    out.print(table)
    for name, found in groups.items():
        for advice in advise(found):
            out.print(f"{name}: {advice}", markup=False)


def _share(successes: int, total: int) -> str:
    interval = wilson(successes, total)
    if interval is None:
        return "none"
    return f"{successes} of {total}: {successes / total:.0%} ({interval.low:.0%} to {interval.high:.0%})"


def rates_json(found: Rates) -> dict[str, object]:
    """Rates as plain JSON."""
    shares = {}
    for name, (successes, total) in found.shares().items():
        interval = wilson(successes, total)
        bounds = [interval.low, interval.high] if interval else None
        shares[name] = {"count": successes, "of": total, "interval": bounds}
    return {**shares, "advice": advise(found)}


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
        if project.waits_for_a_person and project.training:
            version, options = project.training.version, f"--project {project.id}"
            out.print(f"project {project.id}: {version} is held, for a person to decide.", markup=False)
            out.print(f"  see it: loop models report {version} {options}", markup=False)
            out.print(f'  let it serve: loop models promote {version} {options} --force --why "…"', markup=False)
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
