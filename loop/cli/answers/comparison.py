"""The comparison of two versions as a table."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from loop.cli.grid import Field, show_table
from loop.cli.messages import narrate
from loop.cli.options import open_rooms
from loop.errors import PayloadError
from loop.gate.compare import compare, compare_files
from loop.gate.comparison import Part
from loop.gate.promote_by_hand import find_promotion_objection
from loop.gate.report import GateReport, list_broken, list_fixed
from loop.gate.room import GateRoom
from loop.policies import detectors
from loop.settings import Settings

MEANING = "mAP50-95: 0 to 1, mean precision of the boxes of a class at IoU 0.5 to 0.95; change: second minus first"


def measure(first: str, second: str, project: int | None, snapshot: str | None, data: Path | None) -> GateReport:
    """Compare two versions of a project, or two files of weights on a dataset. Raises PayloadError."""
    if (project is None) == (data is None):
        raise PayloadError("models compare", "--project or --data", "neither" if data is None else "both")
    if data is not None and snapshot is not None:
        raise PayloadError("models compare", "--snapshot with --project alone", "--data")
    with narrate(f"{f'project {project}: ' if project else ''}measuring {first} and {second}"):
        if data is None:
            return compare(open_rooms(project).gate, project or 0, first, second, snapshot)
        settings = Settings.read()
        return compare_files(detectors(settings), Path(first), Path(second), data, settings.score_threshold)


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
    out.print(f"mAP50-95 on the held-out images of {report.snapshot[:16]}")
    show_table(out, fields, rows, MEANING)
    fewer, more = len(list_fixed(comparison.mistakes)), len(list_broken(comparison.mistakes))
    out.print(f"{report.candidate.name} has fewer mistakes on {fewer} images, more on {more}")
    fewest = comparison.fewest_mistakes
    if fewest and fewest.threshold != report.threshold:
        now = next(one for one in comparison.shown if one.threshold == report.threshold)
        out.print(
            f"at the threshold of {now.threshold:g} it shows {now.right} right and {now.wrong} wrong boxes on "
            f"{comparison.candidate.images} images; at {fewest.threshold:g}, with the fewest mistakes, {fewest.right} "
            f"and {fewest.wrong}"
        )
    if comparison.latency:
        out.print(f"{comparison.latency.champion:.1f} and {comparison.latency.candidate:.1f} ms an image")


def _part_row(part: Part) -> tuple[str, ...]:
    change = part.change
    numbers = (f"{change.champion:.3f}", f"{change.candidate:.3f}", f"{change.lead:+z.3f}")
    return (part.name, str(part.images), str(part.boxes), *numbers, f"{change.low:+z.3f} to {change.high:+z.3f}")


def name_promotion(gate: GateRoom, project: int, name: str) -> str:
    """Return the command that lets a compared version serve, with what the gate's ruling on it demands."""
    is_refused = find_promotion_objection(gate, gate.registry.versions.get(project, name)) is not None
    return f"loop models promote {name} --project {project}{' --force --why …' if is_refused else ''}"
