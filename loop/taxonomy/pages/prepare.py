"""Prepares what takes long for a person to decide on: new thresholds, and the changes of matches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from loop.errors import LoopError, PayloadError, StalePlan
from loop.taxonomy import manage
from loop.taxonomy.calibration import Basis, NodeCalibration
from loop.taxonomy.editing.categories import with_thresholds
from loop.taxonomy.editing.preview_store import PreviewKind
from loop.taxonomy.reapply import dry_run
from loop.taxonomy.room import TaxonomyRoom


@dataclass(frozen=True, slots=True)
class PreparedCalibration:
    """Thresholds for the taxonomy of a *version*, or the *error* that kept a job from preparing them."""

    made_at: datetime
    version: str = ""
    rows: tuple[NodeCalibration, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class PreparedChanges:
    """
    The number of *matches* of *detections* that would change, or the *error* of the job.

    *moves* counts them by nodes before and after, empty for unknown. *token* confirms exactly these changes.
    """

    made_at: datetime
    token: str = ""
    detections: int = 0
    matches: int = 0
    moves: tuple[tuple[str, str, int], ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class LastOutcome:
    """What the last change of matches, or its undo, came to."""

    made_at: datetime
    line: str = ""
    error: str = ""


def prepare_calibration(taxonomies: TaxonomyRoom, project_id: int) -> str:
    """Calibrate, and record the thresholds; nothing is put in force. Raises PayloadError, MilvusDown."""
    current = taxonomies.store.current(project_id)
    _, rows = manage.calibrate(taxonomies, project_id)
    content = {"version": current.version if current else "", "rows": [asdict(row) for row in rows]}
    taxonomies.store.previews.put(project_id, PreviewKind.CALIBRATION, content)
    return f"{len(rows)} thresholds wait for a decision"


def prepare_changes(taxonomies: TaxonomyRoom, project_id: int) -> str:
    """Match everything again in a dry run, and record what would change. Raises PayloadError, MilvusDown."""
    preview = dry_run(taxonomies, project_id)
    moves = [[before or "", after or "", times] for (before, after), times in preview.plan.summary().items()]
    counts = {"detections": preview.detections, "matches": len(preview.plan.changes), "moves": moves}
    taxonomies.store.previews.put(project_id, PreviewKind.CHANGES, {"token": preview.plan.token, **counts})
    return f"{len(preview.plan.changes)} of {preview.detections} matches would change; token {preview.plan.token}"


def record_outcome(taxonomies: TaxonomyRoom, project_id: int, line: str) -> str:
    """Record what a change of matches came to; the changes that were prepared before are old then."""
    taxonomies.store.previews.put(project_id, PreviewKind.OUTCOME, {"line": line})
    return line


def record_error(taxonomies: TaxonomyRoom, project_id: int, kind: PreviewKind, error: LoopError) -> None:
    """Record why a job prepared nothing, or changed nothing."""
    taxonomies.store.previews.put(project_id, kind, {"error": str(error)})


def apply_calibration(taxonomies: TaxonomyRoom, project_id: int, why: str) -> str:
    """
    Put the prepared thresholds in force.

    Raises PayloadError without any, and StalePlan if another taxonomy is in force since they were prepared.
    """
    prepared, current = read_calibration(taxonomies, project_id), taxonomies.store.current(project_id)
    if prepared is None or prepared.error or current is None:
        raise PayloadError("calibration", "one that was prepared", prepared.error if prepared else None)
    if current.version != prepared.version:
        raise StalePlan("another taxonomy is in force since the thresholds were prepared: prepare them again")
    thresholds = {row.node: row.threshold for row in prepared.rows}
    return manage.apply(taxonomies, project_id, with_thresholds(current, thresholds), why)


def read_calibration(taxonomies: TaxonomyRoom, project_id: int) -> PreparedCalibration | None:
    """Return the last prepared calibration."""
    preview = taxonomies.store.previews.read(project_id, PreviewKind.CALIBRATION)
    if preview is None:
        return None
    if error := preview.content.get("error"):
        return PreparedCalibration(preview.made_at, error=str(error))
    rows = tuple(_read_row(row) for row in preview.content["rows"])
    return PreparedCalibration(preview.made_at, preview.content["version"], rows)


def read_changes(taxonomies: TaxonomyRoom, project_id: int) -> PreparedChanges | None:
    """Return the last prepared changes of matches."""
    preview = taxonomies.store.previews.read(project_id, PreviewKind.CHANGES)
    if preview is None:
        return None
    content = dict(preview.content)
    moves = tuple((before, after, times) for before, after, times in content.pop("moves", ()))
    return PreparedChanges(preview.made_at, moves=moves, **content)


def read_outcome(taxonomies: TaxonomyRoom, project_id: int) -> LastOutcome | None:
    """Return what the last change of matches, or its undo, came to."""
    preview = taxonomies.store.previews.read(project_id, PreviewKind.OUTCOME)
    return LastOutcome(preview.made_at, **preview.content) if preview else None


def _read_row(content: Mapping[str, Any]) -> NodeCalibration:
    return NodeCalibration(**{**content, "basis": Basis(content["basis"])})
