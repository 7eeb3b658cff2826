"""The jobs on a taxonomy that a person asks for on a page: each records what it came to, for the page to show."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from loop.errors import LoopError
from loop.jobs import run_in_turn
from loop.rooms import Rooms
from loop.storage.actor import acting_as
from loop.taxonomy import reapply as reapplications
from loop.taxonomy.editing.preview_store import PreviewKind
from loop.taxonomy.pages import prepare


def calibrate(project_id: int, who: str) -> str:
    """Prepare new thresholds."""
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


def undo(project_id: int, who: str) -> str:
    """Undo the last change of matches."""

    def act(rooms: Rooms) -> str:
        return prepare.record_outcome(rooms.taxonomies, project_id, reapplications.undo(rooms.taxonomies, project_id))

    return _record("match", project_id, PreviewKind.OUTCOME, who, act)


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
