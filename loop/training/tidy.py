"""Removes the folders of trainings that ended, and snapshots that no version came from."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from loop.datasets import folder as dataset_folder
from loop.datasets.snapshot_store import IMAGES
from loop.errors import UnknownTraining
from loop.storage.files import remove_at_once
from loop.training.room import TrainingRoom
from loop.training.store import OPEN
from loop.training.trainer import discard
from loop.walk import Walk


def remove_runs(trainings: TrainingRoom, before: datetime, walk: Walk) -> int:
    """
    Remove the folders of trainings that ended *before* a time; return how many.

    Of trainings that ended since, weights and checkpoints that a kill left are removed. A folder of a training that the
    records do not have stays.
    """
    removed = 0
    for name in walk.over(run.name for run in trainings.runs.glob("training-*")):
        run = trainings.runs / name
        ended_at = _find_end(trainings, run)
        if ended_at is None:
            continue
        discard(run)
        if ended_at < before:
            shutil.rmtree(run)
            removed += 1
    return removed


def remove_snapshots(trainings: TrainingRoom, project_id: int, before: datetime, walk: Walk) -> int:
    """
    Remove the snapshots of a project that were written *before* a time and that nothing needs; return how many.

    A snapshot stays that a version was trained or measured on, that an open training uses, or that is the newest. A
    snapshot goes at once, and what a kill leaves is removed with the drafts of killed writers. No training of the
    project may run meanwhile.
    """
    root, removed = trainings.datasets.snapshots.folder(project_id), 0
    newest, needed = dataset_folder.find_newest(root), _list_needed(trainings, project_id)
    folders = needed | ({newest.folder.name} if newest else set())
    for name in walk.over(manifest.parent.name for manifest in root.glob("[!.]*/manifest.json")):
        if name not in folders and _changed_at(root / name / "manifest.json") < before:
            remove_at_once(root / name)
            removed += 1
    return removed


def remove_stored_snapshots(trainings: TrainingRoom, project_id: int, before: datetime) -> int:
    """Remove from the store what `remove_snapshots` removes on a machine; return how many; no training may run."""
    return trainings.datasets.snapshots.remove_old(project_id, _list_needed(trainings, project_id), before)


def remove_shared_images(trainings: TrainingRoom, project_id: int, before: datetime, walk: Walk) -> None:
    """Remove the images that snapshots of a project shared, where none has them any more; no training may run."""
    shared = trainings.datasets.snapshots.folder(project_id) / IMAGES
    for name in walk.over(folder.name for folder in shared.glob("*")):
        for image in (shared / name).glob("*"):  # those that a snapshot needs have another link
            if image.stat().st_nlink == 1 and _changed_at(image) < before:
                image.unlink(missing_ok=True)


def _list_needed(trainings: TrainingRoom, project_id: int) -> set[str]:
    """Return the folders of the snapshots that a version came from, or that an open training uses."""
    names = {version.facts.snapshot for version in trainings.registry.versions.list(project_id)}
    names |= {training.snapshot for training in trainings.store.open(project_id)}
    return {(name or "")[:16] for name in names}


def _find_end(trainings: TrainingRoom, run: Path) -> datetime | None:
    """Return when the training of a folder ended; None if it is open or not in the records."""
    match = re.fullmatch(r"training-(\d+)", run.name)
    try:
        training = trainings.store.get(int(match[1])) if match else None
    except UnknownTraining:
        return None
    return None if training is None or training.state in OPEN else training.ended_at


def _changed_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
