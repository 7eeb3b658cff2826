"""Assemble the dataset of all reviewed tasks: assign sides, look for leaks, choose images, write."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loop.datasets import folder as dataset_folder
from loop.datasets.folder import Snapshot
from loop.datasets.image_vectors import embed_images
from loop.datasets.near_duplicates import ImageVectors
from loop.datasets.room import DatasetsRoom
from loop.datasets.selection import Selection, Trainable, select
from loop.datasets.snapshots import LabelledImage, Reason
from loop.datasets.split_store import ReviewedTask, Split
from loop.datasets.splits import Leak, Side
from loop.datasets.writer import Draft, open_draft
from loop.errors import EmptySnapshot, LeakedSplit, PayloadError, PoisonedSnapshot
from loop.label_studio.classes import ClassIndex
from loop.reviews.review_store import CountedReview
from loop.reviews.standing import TASK
from loop.storage.queries import chunked
from loop.vision.image_files import ImageFile

PAGE = 500  # reviews in memory at a time


@dataclass(frozen=True, slots=True)
class _Known:
    """The images that the start version of a training has learned, and the snapshot they are from."""

    snapshot: str
    contents: frozenset[bytes]


def assemble(datasets: DatasetsRoom, project_id: int, check: Callable[[], None] = lambda: None) -> Snapshot:
    """
    Write the dataset of all counted reviews, one image at a time. *check* is called often and raises to stop.

    Raises EmptySnapshot, and LeakedSplit if a training image is a near-duplicate or of the group of a held-out one.
    """
    labels = _read_classes(datasets, project_id)
    root = datasets.snapshots / str(project_id)
    with open_draft(root, shared_images=root / ".images") as draft:
        split = _survey(datasets, project_id, draft, labels, check)
        if split.leaks:
            raise LeakedSplit(project_id, [(leak.held_out, leak.train) for leak in split.leaks])
        selection = _select(datasets, project_id, draft, split)
        left_out = dict.fromkeys(selection.background, Reason.BACKGROUND)
        left_out |= dict.fromkeys(_list_left_out(split), Reason.LEFT_OUT)
        return draft.finish(split.sides, labels, left_out=left_out, resting=selection.resting)


def find_leaks(datasets: DatasetsRoom, project_id: int) -> list[Leak]:
    """Return the leaks of the split after assigning a side to every reviewed task."""
    root = datasets.snapshots / str(project_id)
    with open_draft(root) as draft:
        try:
            return list(_survey(datasets, project_id, draft, _read_classes(datasets, project_id), lambda: None).leaks)
        except EmptySnapshot:
            return []


def read_counted(datasets: DatasetsRoom, project_id: int) -> Iterator[tuple[int, CountedReview]]:
    """The counted review of each task that has one, ordered by task, read a page at a time."""
    return ((task_id, latest) for task_id, latest in _read_latest(datasets, project_id) if not latest.review.unread)


def _read_latest(datasets: DatasetsRoom, project_id: int) -> Iterator[tuple[int, CountedReview]]:
    """The counted reviews, including those that could be read only in part."""
    task_ids = sorted(datasets.reviews.store.standing(project_id, TASK))
    for page in chunked(task_ids, PAGE):
        yield from datasets.reviews.store.latest(project_id, page).items()


def read_group(data: object, field: str) -> str | None:
    """The group of a task by a field of its data; None if no field is set or the value is empty or missing."""
    value = data.get(field) if field and isinstance(data, dict) else None
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return value.strip() if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _read_classes(datasets: DatasetsRoom, project_id: int) -> ClassIndex:
    return datasets.studio.classes.book(project_id).labels(
        datasets.studio.projects.get(project_id).config().label_names
    )


def _survey(
    datasets: DatasetsRoom, project_id: int, draft: Draft, labels: ClassIndex, check: Callable[[], None]
) -> Split:
    """Add every reviewed image to the draft and assign sides. Raises EmptySnapshot."""
    field = datasets.policy.group_field
    known = datasets.splits.read_looks(project_id)
    image_key = datasets.studio.projects.get(project_id).config().image_key
    addresses: dict[int, str] = {}
    files: dict[int, Path] = {}

    def images() -> Iterator[LabelledImage]:
        for task_id, latest in _read_latest(datasets, project_id):
            image = latest.image(image_key) or ""
            addresses[task_id] = hashlib.sha256(image.encode()).hexdigest()[:16]
            if not image:
                missing = PayloadError(f"data.{image_key}", "the address of an image", latest.data.get(image_key))
                draft.report.leave_out(Reason.NO_IMAGE, task_id, str(missing))
                continue
            group = read_group(latest.data, field)
            yield LabelledImage(task_id, image, latest.review.regions, latest.review.id, group, latest.review.unread)

    def find(item: LabelledImage) -> ImageFile:
        is_known = known.get(item.task_id, ("", None))[0] == addresses[item.task_id]
        file = datasets.vision.cache.find(project_id, item.task_id, item.image, with_hash=not is_known)
        files[item.task_id] = file.path
        return file

    draft.add(images(), labels, find)
    _check_count(draft, len(addresses))
    seen = [
        ReviewedTask(image.task_id, image.group, _choose_look(image.look, known.get(image.task_id), address), address)
        for image in draft.added
        for address in [addresses[image.task_id]]
    ]
    if field:
        without_group = sum(image.group is None for image in seen)
        draft.report.notes[f"tasks without a {field}, grouped by their look alone"] += without_group
    embedded = _embed(datasets, project_id, draft, seen, files, check)
    return _freeze(datasets, project_id, seen, embedded)


def _check_count(draft: Draft, reviewed: int) -> None:
    """Raise EmptySnapshot if fewer than two images are usable."""
    if len(draft.added) < 2:
        usable = f"{len(draft.added)} usable of {reviewed} reviewed tasks"
        losses = draft.report.losses()
        raise EmptySnapshot(f"{usable}: at least one to train on and one to measure on are needed; {losses}")


def _embed(
    datasets: DatasetsRoom,
    project_id: int,
    draft: Draft,
    seen: Sequence[ReviewedTask],
    files: Mapping[int, Path],
    check: Callable[[], None],
) -> ImageVectors | None:
    """
    The vectors that find near-duplicates, if the policy uses them. Count the images without a vector.

    A flat image has no look and gets no vector, because it would be near every other flat image.
    """
    space = datasets.vision.embedders.whole_image_space() if datasets.policy.twin_cosine else None
    if space is None:
        return None
    addresses = {one.task_id: one.image for one in seen}
    paths = {one.task_id: files[one.task_id] for one in seen if one.look is not None}
    embedded = embed_images(datasets, project_id, space, addresses, paths, check)
    lacking = len(paths.keys() - embedded.rows.keys())
    if lacking:
        draft.report.notes["images that the embedder has no vector of, compared by their look alone"] += lacking
    return embedded


def _freeze(
    datasets: DatasetsRoom, project_id: int, seen: Sequence[ReviewedTask], embedded: ImageVectors | None
) -> Split:
    policy = datasets.policy
    share = policy.held_out_share
    split = datasets.splits.freeze(project_id, seen, share=share, twin_bits=policy.twin_bits, embedded=embedded)
    if len({split.sides[one.task_id] for one in seen}) < 2:
        raise EmptySnapshot(
            f"all {len(seen)} reviewed tasks belong together (LOOP_GROUP_FIELD={policy.group_field}), so there is "
            "nothing apart from them to measure on: review tasks of another group, or name another field"
        )
    return split


def _choose_look(computed: int | None, known: tuple[str, int | None] | None, address: str) -> int | None:
    return known[1] if known and known[0] == address else computed


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
    """The training images of the champion's dataset, including those that rested in it."""
    champion = datasets.registry.versions.champion(project_id)
    name = champion.facts.snapshot if champion else None
    try:
        snapshot = dataset_folder.read(datasets.snapshots / str(project_id), name or "")
        if snapshot:
            return _Known(snapshot.hash, frozenset(one.content for one in snapshot.items() if one.side is Side.TRAIN))
    except PoisonedSnapshot:  # every image counts as new
        pass
    return _Known("", frozenset())


def _list_left_out(split: Split) -> list[int]:
    """The training tasks that a person left out; held-out tasks that were left out are still measured."""
    return [task_id for task_id in split.left_out if split.sides[task_id] is Side.TRAIN]
