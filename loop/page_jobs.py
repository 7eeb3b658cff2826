"""The jobs that a person asks for on a page of the dashboard: each does what the command of that name does."""

from __future__ import annotations

from contextlib import closing

from loop.process_table import step_back
from loop.storage.actor import acting_as
from loop.wiring import build


def compare(project_id: int, first: str, second: str) -> str:
    """Measure two versions on the newest held-out images, at low priority, and keep the report."""
    from loop.gate.compare import compare as measure

    step_back()
    with closing(build()) as rooms:
        rooms.installation.machine.place.check_folder()
        report = measure(rooms.gate, project_id, first, second)
    overall = report.comparison.overall
    return f"{second} against {first}: mAP50-95 {overall.candidate:.3f} against {overall.champion:.3f}"


def promote(project_id: int, name: str, why: str, who: str, *, is_forced: bool) -> str:
    """Let a version serve by decision of *who*, exported where need be."""
    from loop.gate.promote_by_hand import promote_by_hand

    with acting_as(who), closing(build()) as rooms:
        rooms.installation.machine.place.check_folder()
        version = promote_by_hand(rooms.gate, project_id, name, why, is_forced=is_forced)
    return f"{version.name} serves project {project_id}"
