"""Assemble the dataset of all that was reviewed: sides given, leaks found, images chosen, written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loop.datasets import folder as dataset_folder
from loop.datasets.duplicates_by_vector import Embedded
from loop.datasets.folder import Snapshot
from loop.datasets.image_vectors import embed_images
from loop.datasets.selection import Selection, Trainable, select
from loop.datasets.snapshots import LabelledImage, Reason
from loop.datasets.split_store import Seen, Split
from loop.datasets.splits import Leak, Side
from loop.datasets.writer import Draft, writing
from loop.errors import EmptySnapshot, LeakedSplit, PayloadError, PoisonedSnapshot
from loop.label_studio.classes import Labels
from loop.parts import Parts
from loop.reviews.review_store import TASK, CountedReview
from loop.vision.image_files import ImageFile

PAGE = 500  # reviews in memory at a time


@dataclass(frozen=True, slots=True)
class _Known:
    """What a version that a training starts from has learned, and where that is known from."""

    snapshot: str
    contents: frozenset[bytes]


def assemble(parts: Parts, project_id: int, check: Callable[[], None] = lambda: None) -> Snapshot:
    """
    Write the dataset of all counted reviews, an image at a time; *check* is called now and then, and stops by raising.

    Raises EmptySnapshot, and LeakedSplit where training images would give held-out ones away.
    """
    labels = _labels(parts, project_id)
    root = parts.snapshots / str(project_id)
    with writing(root, shared_images=root / ".images") as draft:
        split = _survey(parts, project_id, draft, labels, check)
        if split.leaks:
            raise LeakedSplit(project_id, [(leak.held_out, leak.train) for leak in split.leaks])
        selection = _selected(parts, project_id, draft, split)
        left_out = dict.fromkeys(selection.background, Reason.BACKGROUND)
        left_out |= dict.fromkeys(_taken_out(split), Reason.LEFT_OUT)
        return draft.finish(split.sides, labels, left_out=left_out, resting=selection.resting)


def find_leaks(parts: Parts, project_id: int) -> list[Leak]:
    """Name the training tasks that would give held-out ones away, after taking all reviews of now into the split."""
    root = parts.snapshots / str(project_id)
    with writing(root) as draft:
        try:
            return list(_survey(parts, project_id, draft, _labels(parts, project_id), lambda: None).leaks)
        except EmptySnapshot:
            return []


def counted(parts: Parts, project_id: int) -> Iterator[tuple[int, CountedReview]]:
    """The review that counts of each task that has one, by task, a page at a time."""
    return ((task_id, one) for task_id, one in _latest(parts, project_id) if not one.review.unread)


def _latest(parts: Parts, project_id: int) -> Iterator[tuple[int, CountedReview]]:
    """The same, with those that are unread in part."""
    task_ids = sorted(parts.reviews.standing(project_id, TASK))
    for start in range(0, len(task_ids), PAGE):
        yield from parts.reviews.latest(project_id, task_ids[start : start + PAGE]).items()


def group_of(data: object, field: str) -> str | None:
    """The group of a task by a field of its data; None where it is not set, empty, or the task lacks it."""
    value = data.get(field) if field and isinstance(data, dict) else None
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return value.strip() if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _labels(parts: Parts, project_id: int) -> Labels:
    return parts.classes.book(project_id).labels(parts.projects.get(project_id).config().label_names)


def _survey(parts: Parts, project_id: int, draft: Draft, labels: Labels, check: Callable[[], None]) -> Split:
    """Add every reviewed image to the draft and give each a side. Raises EmptySnapshot."""
    field = parts.policies.dataset.group_field
    known = parts.splits.looks(project_id)
    image_key = parts.projects.get(project_id).config().image_key
    addresses: dict[int, str] = {}
    files: dict[int, Path] = {}

    def images() -> Iterator[LabelledImage]:
        for task_id, one in _latest(parts, project_id):
            image = one.image(image_key) or ""
            addresses[task_id] = hashlib.sha256(image.encode()).hexdigest()[:16]
            if not image:
                lacking = PayloadError(f"data.{image_key}", "the address of an image", one.data.get(image_key))
                draft.report.leave_out(Reason.NO_IMAGE, task_id, str(lacking))
                continue
            group = group_of(one.data, field)
            yield LabelledImage(task_id, image, one.review.regions, one.review.id, group, one.review.unread)

    def find(item: LabelledImage) -> ImageFile:
        is_known = known.get(item.task_id, ("", None))[0] == addresses[item.task_id]
        found = parts.image_cache.find(project_id, item.task_id, item.image, look=not is_known)
        files[item.task_id] = found.path
        return found

    draft.add(images(), labels, find)
    if len(draft.added) < 2:
        found = f"{len(draft.added)} usable of {len(addresses)} reviewed tasks"
        losses = draft.report.losses()
        raise EmptySnapshot(f"{found}: at least one to train on and one to measure on are needed; {losses}")
    seen = [
        Seen(one.task_id, one.group, _look(one.look, known.get(one.task_id), address), address)
        for one in draft.added
        for address in [addresses[one.task_id]]
    ]
    if field:
        alone = sum(one.group is None for one in seen)
        draft.report.notes[f"tasks without a {field}, grouped by their look alone"] += alone
    embedded = _embedded(parts, project_id, draft, seen, files, check)
    return _frozen(parts, project_id, seen, embedded)


def _embedded(
    parts: Parts,
    project_id: int,
    draft: Draft,
    seen: Sequence[Seen],
    files: Mapping[int, Path],
    check: Callable[[], None],
) -> Embedded | None:
    """
    The vectors that say which images are near-duplicates, where they do; images that lack one are counted.

    A flat image, which has no look, gets none: it is like all others, and says nothing of them.
    """
    space = parts.embedders.whole_space() if parts.policies.dataset.twin_cosine else None
    if space is None:
        return None
    addresses = {one.task_id: one.image for one in seen}
    wanted = {one.task_id: files[one.task_id] for one in seen if one.look is not None}
    embedded = embed_images(parts, project_id, space, addresses, wanted, check)
    alone = len(wanted.keys() - embedded.rows.keys())
    if alone:
        draft.report.notes["images that the embedder has no vector of, compared by their look alone"] += alone
    return embedded


def _frozen(parts: Parts, project_id: int, seen: Sequence[Seen], embedded: Embedded | None) -> Split:
    policy = parts.policies.dataset
    share = policy.held_out_share
    split = parts.splits.freeze(project_id, seen, share=share, twin_bits=policy.twin_bits, embedded=embedded)
    if len({split.sides[one.task_id] for one in seen}) < 2:
        raise EmptySnapshot(
            f"all {len(seen)} reviewed tasks belong together (LOOP_GROUP_FIELD={policy.group_field}), so there is "
            "nothing apart from them to measure on: review tasks of another group, or name another field"
        )
    return split


def _look(taken: int | None, known: tuple[str, int | None] | None, address: str) -> int | None:
    return known[1] if known and known[0] == address else taken


def _selected(parts: Parts, project_id: int, draft: Draft, split: Split) -> Selection:
    """Choose what is trained on this time, and say so in the report."""
    policy = parts.policies.dataset.selection
    learned = _learned(parts, project_id) if policy.replay_share < 1 else _Known("", frozenset())
    hard = parts.splits.hard_negatives(project_id)
    images = [
        Trainable(one.task_id, one.classes, one.content in learned.contents, one.task_id in hard)
        for one in draft.added
        if split.sides[one.task_id] is Side.TRAIN and one.task_id not in split.left_out
    ]
    chosen = select(images, policy, salt=learned.snapshot)
    for one in images:
        if one.task_id not in chosen.resting | chosen.background:
            draft.report.train["old" if one.is_old else "new"] += 1
            if not one.classes:
                draft.report.train["hard negatives" if one.is_hard else "other backgrounds"] += 1
    return chosen


def _learned(parts: Parts, project_id: int) -> _Known:
    """What the champion was trained on, as the items of its dataset say, those that rested in it too."""
    champion = parts.registry.champion(project_id)
    name = champion.facts.snapshot if champion else None
    try:
        snapshot = dataset_folder.read(parts.snapshots / str(project_id), name or "")
        if snapshot:
            return _Known(snapshot.hash, frozenset(one.content for one in snapshot.items() if one.side is Side.TRAIN))
    except PoisonedSnapshot:  # then everything is new
        pass
    return _Known("", frozenset())


def _taken_out(split: Split) -> list[int]:
    """What a person took out is out of training; one that is held out goes on being measured."""
    return [task_id for task_id in split.left_out if split.sides[task_id] is Side.TRAIN]
