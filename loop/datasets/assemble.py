"""Assemble the dataset of all reviewed tasks: assign sides, look for leaks, choose images, write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from loop.datasets import folder as dataset_folder
from loop.datasets.folder import Snapshot
from loop.datasets.room import DatasetsRoom
from loop.datasets.selection import Selection, Trainable, select
from loop.datasets.snapshot_store import IMAGES
from loop.datasets.snapshots import Reason
from loop.datasets.split_store import Split
from loop.datasets.splits import Leak, Side
from loop.datasets.survey import KNOWN, survey
from loop.datasets.tiled.folder import TileWork
from loop.datasets.writer import Draft, open_draft
from loop.errors import EmptySnapshot, LeakedSplit, PayloadError, PoisonedSnapshot
from loop.label_studio.classes import ClassIndex
from loop.storage.files import copy_folder, scratch_folder
from loop.vision.tiling.tiles import Tiling


@dataclass(frozen=True, slots=True)
class _Known:
    """The images that the start version of a training has learned, and the snapshot they are from."""

    snapshot: str
    contents: frozenset[bytes]


def assemble(datasets: DatasetsRoom, project_id: int, check: Callable[[], None] = lambda: None) -> Snapshot:
    """
    Write the dataset of all counted reviews, one image at a time. *check* is called often and raises to stop.

    Images, hashes and labels of reviews that have not changed are taken over from the project's last dataset; the
    result is the same, to the byte, as without that.

    Images that cannot be read are left out, unless Label Studio cannot be asked: LabelStudioDown.

    Raises EmptySnapshot, and LeakedSplit if a training image is a near-duplicate or of the group of a held-out one.
    """
    labels = _read_classes(datasets, project_id)
    root = datasets.snapshots.folder(project_id)
    with open_draft(root, shared_images=root / IMAGES, known=root / KNOWN) as draft:
        split = survey(datasets, project_id, draft, labels, check)
        if split.leaks:
            raise LeakedSplit(project_id, [(leak.held_out, leak.train) for leak in split.leaks])
        selection = _select(datasets, project_id, draft, split)
        left_out = dict.fromkeys(selection.background, Reason.BACKGROUND)
        left_out |= dict.fromkeys(_list_left_out(split), Reason.LEFT_OUT)
        tiles = _read_tile_work(datasets, project_id)
        return draft.finish(split.sides, labels, left_out=left_out, resting=selection.resting, tiles=tiles)


def assemble_verified(datasets: DatasetsRoom, project_id: int, check: Callable[[], None]) -> Snapshot:
    """
    Assemble a dataset, verify it, and put it in the store. Raises as `assemble`, and PoisonedSnapshot.

    If a file that was taken over is damaged, though its size and time are unchanged, everything is made anew.
    """
    snapshot = assemble(datasets, project_id, check)
    try:
        dataset_folder.verify(snapshot)
    except PoisonedSnapshot:
        (datasets.snapshots.folder(project_id) / KNOWN).unlink(missing_ok=True)
        snapshot = assemble(datasets, project_id, check)
        dataset_folder.verify(snapshot)
    datasets.snapshots.put(project_id, snapshot)
    return snapshot


def export_dataset(datasets: DatasetsRoom, project_id: int, out: Path) -> Snapshot:
    """
    Write the dataset that a training would use now into the folder *out*, which must be new or empty; whole or not.

    Raises PayloadError, and as `assemble_verified`.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PayloadError("--out", "a folder that is new or empty", str(out))
    snapshot = assemble_verified(datasets, project_id, lambda: None)
    with scratch_folder(out.absolute().parent) as scratch:
        copy_folder(snapshot.folder, scratch / "whole").rename(out.absolute())
    return replace(snapshot, folder=out)


def find_leaks(datasets: DatasetsRoom, project_id: int) -> list[Leak]:
    """Return the leaks of the split after assigning a side to every reviewed task."""
    root = datasets.snapshots.folder(project_id)
    with open_draft(root) as draft:
        try:
            return list(survey(datasets, project_id, draft, _read_classes(datasets, project_id), lambda: None).leaks)
        except EmptySnapshot:
            return []


def rests_unlearned(datasets: DatasetsRoom, project_id: int, snapshot: Snapshot) -> bool:
    """Whether an image rests that the champion has not learned: another version served when the dataset was made."""
    resting = {item.content for item in snapshot.items() if item.resting}
    return bool(resting) and not resting <= _read_learned(datasets, project_id).contents


def _read_classes(datasets: DatasetsRoom, project_id: int) -> ClassIndex:
    return datasets.studio.classes.book(project_id).labels(
        datasets.studio.projects.get(project_id).config().label_names
    )


def _read_tile_work(datasets: DatasetsRoom, project_id: int) -> TileWork | None:
    """How the dataset is cut; None where images stay whole."""
    tiling = _read_tiling(datasets, project_id)
    hard = frozenset(datasets.splits.read_hard_negatives(project_id)) if tiling else frozenset()
    return TileWork(tiling, datasets.policy.selection.background_share, hard) if tiling else None


def _read_tiling(datasets: DatasetsRoom, project_id: int) -> Tiling | None:
    return datasets.policy.tiles.of(datasets.studio.projects.get(project_id).policy).tiling


def _select(datasets: DatasetsRoom, project_id: int, draft: Draft, split: Split) -> Selection:
    """Choose the training images of this snapshot, and count them in the report."""
    policy = datasets.policy.selection
    learned = _read_learned(datasets, project_id) if policy.replay_share < 1 else _Known("", frozenset())
    hard = datasets.splits.read_hard_negatives(project_id)
    images = [
        Trainable(image.task_id, image.classes, image.content in learned.contents, image.task_id in hard)
        for image in draft.added
        if split.sides[image.task_id] is Side.TRAIN and image.task_id not in split.left_out
    ]
    chosen = select(images, policy, salt=learned.snapshot)
    for image in images:
        if image.task_id not in chosen.resting | chosen.background:
            draft.report.train["old" if image.is_old else "new"] += 1
            if not image.classes:
                draft.report.train["hard negatives" if image.is_hard else "other backgrounds"] += 1
    return chosen


def _read_learned(datasets: DatasetsRoom, project_id: int) -> _Known:
    """The training images of the champion's dataset, also those that rested in it; none if it was cut otherwise."""
    champion = datasets.registry.versions.champion(project_id)
    name = champion.facts.snapshot if champion else None
    try:
        snapshot = datasets.snapshots.read_list(project_id, name or "")
        if snapshot and snapshot.tiling == _read_tiling(datasets, project_id):
            return _Known(snapshot.hash, frozenset(one.content for one in snapshot.items() if one.side is Side.TRAIN))
    except PoisonedSnapshot:  # every image counts as new
        pass
    return _Known("", frozenset())


def _list_left_out(split: Split) -> list[int]:
    """The training tasks that a person left out; held-out tasks that were left out are still measured."""
    return [task_id for task_id in split.left_out if split.sides[task_id] is Side.TRAIN]
