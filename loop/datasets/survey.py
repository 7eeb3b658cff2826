"""Survey the reviews of a project: read each reviewed task and its image, and assign its side of the split."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path

from loop.datasets.image_vectors import embed_images
from loop.datasets.near_duplicates import ImageVectors, are_unlike
from loop.datasets.room import DatasetsRoom
from loop.datasets.snapshots import LabelledImage, Reason
from loop.datasets.split_store import ReviewedTask, Split
from loop.datasets.splits import explain_one_side
from loop.datasets.spool import DraftImage, name_address, read_spool
from loop.datasets.writer import Draft
from loop.errors import EmptySnapshot, LabelStudioDown, PayloadError, Refused, UpstreamError
from loop.label_studio.classes import ClassIndex
from loop.regions import write_regions
from loop.reviews.review_store import CountedReview
from loop.reviews.standing import TASK
from loop.storage.queries import chunked
from loop.vision.addresses import identify
from loop.vision.image_cache import image_key
from loop.vision.image_files import ImageFile

KNOWN = ".known"  # in the folder of a project's snapshots: the spool of the newest
LABELLING = "2"  # changes with the way in which labels are made from reviews: older lines are not taken over
PAGE = 500  # reviews in memory at a time
Looks = Mapping[int, tuple[str, int | None]]  # the name of an address, and the look of its image, by task


def read_counted(datasets: DatasetsRoom, project_id: int) -> Iterator[tuple[int, CountedReview]]:
    """The counted review of each task that has one, ordered by task, read a page at a time; none that is unread."""
    for page in chunked(sorted(datasets.reviews.store.standing(project_id, TASK)), PAGE):
        for task_id, latest in datasets.reviews.store.latest(project_id, page).items():
            if not latest.review.unread:
                yield task_id, latest


def read_group(data: object, field: str) -> str | None:
    """The group of a task by a field of its data; None if no field is set or the value is empty or missing."""
    value = data.get(field) if field and isinstance(data, dict) else None
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return value.strip() if isinstance(value, str) else json.dumps(value, sort_keys=True)


def survey(
    datasets: DatasetsRoom, project_id: int, draft: Draft, labels: ClassIndex, check: Callable[[], None]
) -> Split:
    """Add every reviewed image to the draft and assign sides. Raises EmptySnapshot, LabelStudioDown."""
    looks = datasets.splits.read_looks(project_id)
    rules = _name_rules(datasets, project_id, labels)
    marks = {task_id: rules + mark for task_id, mark in datasets.reviews.store.read_marks(project_id).items()}
    accepted = _read_accepted(datasets, project_id, marks)
    marks |= {task_id: rules + _mark_accepted(each) for task_id, each in accepted.items()}
    files, unchanged = _take_over(datasets, project_id, draft, marks, looks)

    def find(item: LabelledImage) -> ImageFile:
        address = name_address(item.image)
        file = unchanged.get((item.task_id, address))
        if file is None:
            is_known = looks.get(item.task_id, ("", None))[0] == address
            file = datasets.vision.cache.find(project_id, item.task_id, item.image, with_hash=not is_known)
        files[item.task_id] = str(file.path)
        return file

    draft.add(_read_images(datasets, project_id, draft, marks, accepted, check), labels, find)
    draft.take_out(_find_replaced(datasets, project_id, draft, looks, accepted), Reason.REPLACED)
    if draft.report.left_out.get(Reason.NO_IMAGE):
        _require_label_studio(datasets, project_id)
    draft.added.sort(key=lambda image: image.task_id)
    _check_count(draft, len(marks))
    seen = [
        ReviewedTask(image.task_id, image.group, _choose_look(image, looks.get(image.task_id)), image.address)
        for image in draft.added
    ]
    if field := datasets.policy.group_field:
        without_group = sum(image.group is None for image in seen)
        draft.report.notes[f"tasks without a {field}, grouped by their look alone"] += without_group
    datasets.splits.set_apart(project_id, {image.task_id: image.image for image in seen})
    embedded = _embed(datasets, project_id, draft, seen, files, check)
    return _freeze(datasets, project_id, seen, embedded, accepted)


def _read_accepted(datasets: DatasetsRoom, project_id: int, reviewed: Collection[int]) -> dict[int, CountedReview]:
    """Return what is accepted of the tasks without a review, if it is trained on."""
    if not datasets.policy.trains_on_accepted:
        return {}
    accepted = datasets.reviews.accepted.read_trainable(project_id)
    return {task_id: each for task_id, each in accepted.items() if task_id not in reviewed}


def _mark_accepted(counted: CountedReview) -> str:
    text = json.dumps([counted.review.id, str(counted.review.updated_at), write_regions(counted.review.regions)])
    return hashlib.sha256(f"accepted {text} {json.dumps(dict(counted.data))}".encode()).hexdigest()[:32]


def _name_rules(datasets: DatasetsRoom, project_id: int, labels: ClassIndex) -> str:
    """Return a name of the rules by which labels are made from the reviews of a project."""
    field = datasets.studio.projects.get(project_id).config().image_key
    classes = (labels.names, sorted(labels.ids.items()), sorted(labels.retired), sorted(labels.undecided))
    rules = json.dumps([LABELLING, field, datasets.policy.group_field, classes])
    return hashlib.sha256(rules.encode()).hexdigest()[:16]


def _take_over(
    datasets: DatasetsRoom, project_id: int, draft: Draft, marks: Mapping[int, str], looks: Looks
) -> tuple[dict[int, str], dict[tuple[int, str], ImageFile]]:
    """
    Add the tasks of the last dataset whose *marks* are as they were then, and whose files nobody has written.

    Return the files of these tasks, and, by task and address, the unchanged files of tasks that were reviewed again.
    """
    files: dict[int, str] = {}
    unchanged: dict[tuple[int, str], ImageFile] = {}
    for line, image in read_spool(datasets.snapshots.folder(project_id) / KNOWN):
        address, look = looks.get(image.task, ("", None))
        if image.task not in marks or image.task in files or image.address != address:
            continue
        if not datasets.vision.cache.is_unchanged(image.path, image.stamp):
            continue
        if image.mark == marks[image.task]:
            draft.take_over(line, image, look)
            files[image.task] = image.path
        else:
            unchanged[image.task, address] = ImageFile(Path(image.path), image.image, image.suffix, look)
    return files, unchanged


def _read_images(
    datasets: DatasetsRoom,
    project_id: int,
    draft: Draft,
    marks: Mapping[int, str],
    accepted: Mapping[int, CountedReview],
    check: Callable[[], None],
) -> Iterator[LabelledImage]:
    """Yield the images of the tasks with *marks* that the draft does not have yet; report those without an address."""
    field, group_field = datasets.studio.projects.get(project_id).config().image_key, datasets.policy.group_field
    added = {image.task_id for image in draft.added}
    for page in chunked((task_id for task_id in marks if task_id not in added), PAGE):
        check()
        found = datasets.reviews.store.latest(project_id, page)
        found |= {task_id: accepted[task_id] for task_id in page if task_id in accepted}
        for task_id, latest in found.items():
            review, image = latest.review, latest.image(field) or ""
            if not image:
                missing = PayloadError(f"data.{field}", "the address of an image", latest.data.get(field))
                draft.report.leave_out(Reason.NO_IMAGE, task_id, str(missing))
                continue
            group = read_group(latest.data, group_field)
            yield LabelledImage(task_id, image, review.regions, review.id, group, review.unread, marks[task_id])


def _find_replaced(
    datasets: DatasetsRoom, project_id: int, draft: Draft, looks: Looks, accepted: Mapping[int, CountedReview]
) -> dict[int, str]:
    """Find the tasks whose review is of the image of an earlier dataset, which looks different; nothing is fetched."""
    others = dict[int, str]()
    for image in draft.added:
        address, look = looks.get(image.task_id, ("", None))
        if address != image.address and are_unlike(look, image.look):
            others[image.task_id] = address
    counted = {**accepted, **datasets.reviews.store.latest(project_id, list(others))}
    moments = {task_id: counted[task_id].review.updated_at for task_id in others if task_id in counted}
    reviewed = datasets.reviews.predictions.find_images_at(project_id, moments)
    return {task_id: "" for task_id, image in reviewed.items() if name_address(image) == others[task_id]}


def _require_label_studio(datasets: DatasetsRoom, project_id: int) -> None:
    """Raise LabelStudioDown if it cannot be asked: images that could not be read may be there when it can."""
    try:
        datasets.studio.client.project(project_id)
    except UpstreamError as error:
        if isinstance(error, Refused) and error.status == HTTPStatus.NOT_FOUND:
            return  # it works, and has no such project
        raise LabelStudioDown(f"some images cannot be read, nor can Label Studio be asked: {error}") from error


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
    files: Mapping[int, str],
    check: Callable[[], None],
) -> ImageVectors | None:
    """
    The vectors that find near-duplicates, if the policy uses them. Count the images without a vector.

    A flat image has no look and gets no vector, because it would be near every other flat image.
    """
    space = datasets.vision.embedders.whole_image_space() if datasets.policy.twin_cosine else None
    if space is None:
        return None
    addresses = {image.task_id: image.image for image in seen}
    paths = {image.task_id: Path(files[image.task_id]) for image in seen if image.look is not None}
    embedded = embed_images(datasets, project_id, space, addresses, paths, check)
    lacking = len(paths.keys() - embedded.rows.keys())
    if lacking:
        draft.report.notes["images that the embedder has no vector of, compared by their look alone"] += lacking
    return embedded


def _freeze(
    datasets: DatasetsRoom,
    project_id: int,
    seen: Sequence[ReviewedTask],
    embedded: ImageVectors | None,
    accepted: Collection[int],
) -> Split:
    policy = datasets.policy
    share, bits = policy.held_out_share, policy.twin_bits
    split = datasets.splits.freeze(
        project_id, seen, share=share, twin_bits=bits, embedded=embedded, to_train=frozenset(accepted)
    )
    if len({split.sides[image.task_id] for image in seen}) < 2:
        raise EmptySnapshot(explain_one_side(split.sides, {image.task_id for image in seen}, policy.group_field))
    return split


def _choose_look(image: DraftImage, known: tuple[str, int | None] | None) -> int | None:
    return known[1] if known and known[0] == image.address else image.look


def read_needed(datasets: DatasetsRoom, project_id: int) -> Iterator[bytes]:
    """
    Yield the keys of the images of all reviewed tasks of a project.

    Every text of a task counts as the address of its image: another label config may read another field.
    """
    for task_id, data in datasets.reviews.store.read_task_data(project_id):
        for value in data.values():
            if isinstance(value, str):
                yield bytes.fromhex(image_key(project_id, task_id, identify(value.strip())))
