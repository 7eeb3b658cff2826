"""The jobs that a person asks for on a page of the dashboard: each does what the command of that name does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial

from loop.errors import LoopError
from loop.gate.compare import compare as measure
from loop.gate.promote_by_hand import promote_by_hand
from loop.jobs import run_in_turn
from loop.process_table import step_back
from loop.rates.accept import run as acceptance
from loop.rooms import Rooms
from loop.storage.actor import acting_as
from loop.taxonomy import reapply as reapplications
from loop.taxonomy.editing.preview_store import PreviewKind
from loop.taxonomy.pages import prepare
from loop.wiring import build


def compare(project_id: int, first: str, second: str) -> str:
    """Measure two versions on the newest held-out images, at low priority, and keep the report."""
    step_back()
    with closing(build()) as rooms:
        rooms.installation.machine.place.check_folder()
        report = measure(rooms.gate, project_id, first, second)
    overall = report.comparison.overall
    return f"{second} against {first}: mAP50-95 {overall.candidate:.3f} against {overall.champion:.3f}"


def promote(project_id: int, name: str, why: str, who: str, *, is_forced: bool) -> str:
    """Let a version serve by decision of *who*, exported where need be."""
    with acting_as(who), closing(build()) as rooms:
        rooms.installation.machine.place.check_folder()
        version = promote_by_hand(rooms.gate, project_id, name, why, is_forced=is_forced)
    return f"{version.name} serves project {project_id}"


def calibrate(project_id: int, who: str) -> str:
    """Prepare new thresholds of a taxonomy."""
    return _record(
        "calibrate",
        project_id,
        PreviewKind.CALIBRATION,
        who,
        lambda rooms: prepare.prepare_calibration(rooms.taxonomies, project_id),
    )


def dry_run(project_id: int, who: str) -> str:
    """Prepare the changes of all stored matches."""
    return _record(
        "match",
        project_id,
        PreviewKind.CHANGES,
        who,
        lambda rooms: prepare.prepare_changes(rooms.taxonomies, project_id),
    )


def reapply(project_id: int, who: str, token: str) -> str:
    """Make the prepared changes of a token."""

    def act(rooms: Rooms) -> str:
        line = reapplications.reapply(rooms.taxonomies, project_id, token)
        return prepare.record_outcome(rooms.taxonomies, project_id, line)

    return _record("match", project_id, PreviewKind.OUTCOME, who, act)


def undo(project_id: int, who: str, token: str | None = None) -> str:
    """Undo the last change of matches, if it is the one that the page named by its token."""

    def act(rooms: Rooms) -> str:
        line = reapplications.undo(rooms.taxonomies, project_id, token)
        return prepare.record_outcome(rooms.taxonomies, project_id, line)

    return _record("match", project_id, PreviewKind.OUTCOME, who, act)


def accept(project_id: int, who: str, error: str, token: str) -> str:
    """Accept the open tasks of the plan with a token."""

    def act(rooms: Rooms) -> str:
        tasks = acceptance.begin(rooms.rates, project_id, float(error), token)
        made = list(acceptance.accept(rooms.rates, project_id, tasks))
        return f"{sum(each is not None for each in made)} of {len(made)} tasks accepted"

    with acting_as(who):
        return run_in_turn("accept", project_id, act)


def undo_accept(project_id: int, who: str) -> str:
    """Take back what was accepted and nobody has changed."""

    def act(rooms: Rooms) -> str:
        undone = acceptance.undo(rooms.rates, project_id)
        return f"{undone.removed} accepted annotations removed, {undone.stay} stay"

    with acting_as(who):
        return run_in_turn("accept", project_id, act)


def _record(name: str, project_id: int, kind: PreviewKind, who: str, act: Callable[[Rooms], str]) -> str:
    """Do work in the name of a person, in turn with other jobs of the name, and record an error."""
    with acting_as(who):
        return run_in_turn(name, project_id, partial(_try, project_id, kind, act))


def _try(project_id: int, kind: PreviewKind, act: Callable[[Rooms], str], rooms: Rooms) -> str:
    try:
        return act(rooms)
    except LoopError as error:
        prepare.record_error(rooms.taxonomies, project_id, kind, error)
        raise
