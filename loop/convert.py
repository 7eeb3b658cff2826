"""A Label Studio JSON export to a YOLO dataset, or to verdicts; no server needed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from loop import dataset_folder
from loop.dataset_folder import Snapshot
from loop.errors import ImageUnreadable, PayloadError
from loop.label_config import parse
from loop.ls_format import Review, StoredPrediction, read_prediction, read_review, read_task
from loop.snapshots import LabelledImage
from loop.splits import assign
from loop.verdicts import Verdict, counted_review_key, judge, seen_by_reviewer


@dataclass(frozen=True, slots=True)
class TaskVerdicts:
    """The verdicts on one task's prediction."""

    task_id: int
    version: str
    verdicts: list[Verdict]


def to_dataset(export: Path, label_config: str, images: Path, out: Path, *, held_out_share: float = 0.2) -> Snapshot:
    """
    Write the reviewed tasks of an export as a YOLO dataset into *out*, which must not exist yet or be empty.

    The image of a task is looked for under *images* by the path after its storage's prefix, then by its file name.
    Raises PayloadError, EmptySnapshot.
    """
    if out.exists() and any(out.iterdir()):
        raise PayloadError("--out", "a folder that is new or empty", str(out))
    config = parse(label_config)
    tasks = read_export(export)
    reviews = {task["id"]: review for task in tasks if (review := _counted(task))}
    sides = assign({}, reviews, project_id=0, share=held_out_share)
    labelled = [
        LabelledImage(task["id"], _address(task, config.image_key), reviews[task["id"]].regions, sides[task["id"]])
        for task in tasks
        if task["id"] in reviews
    ]
    names = config.label_names
    snapshot = dataset_folder.write(out.parent, labelled, names, lambda item: _file(images, item.image))
    return dataset_folder.move(snapshot, out)


def to_verdicts(export: Path) -> Iterator[TaskVerdicts]:
    """
    Judge the counted review of each task of an export against the prediction it was made on.

    A task without a review that counts, or without a prediction to judge, gives nothing.
    """
    for task in read_export(export):
        review = _counted(task)
        found = enumerate(task.get("predictions") or [])
        predictions = [read_prediction({"id": -number, **one}, task_id=task["id"]) for number, one in found]
        seen = _seen(review, sorted(predictions, key=lambda one: one.created_at)) if review else None
        if review and seen:
            yield TaskVerdicts(review.task_id, seen.version, judge(seen.regions, review.regions))


def read_export(export: Path) -> list[dict[str, Any]]:
    """The tasks of a JSON export. Raises PayloadError."""
    try:
        tasks = json.loads(export.read_text())
    except ValueError as error:
        raise PayloadError(str(export), "JSON", str(error)) from error
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise PayloadError(str(export), "a list of tasks, as Label Studio exports it in its JSON format", tasks)
    return [{"id": number, **task} for number, task in enumerate(tasks, start=1)]


def _address(task: dict[str, Any], image_key: str) -> str:
    """The address of a task's image; a task without one is left out of the dataset like any other broken image."""
    try:
        return read_task(task, image_key).image
    except PayloadError:
        return ""


def _counted(task: dict[str, Any]) -> Review | None:
    found = [
        read_review({"id": number, **one}, project_id=task.get("project") or 0, task_id=task["id"])
        for number, one in enumerate(task.get("annotations") or [])
    ]
    completed = [one for one in found if one.is_complete]
    return max(completed, key=_rank, default=None)


def _rank(review: Review) -> tuple[bool, float]:
    return counted_review_key(is_ground_truth=review.is_ground_truth, completed_at=review.updated_at.timestamp())


def _seen(review: Review, predictions: Sequence[StoredPrediction]) -> StoredPrediction | None:
    """The export still knows the prediction that an annotation was made from, unless it was deleted since."""
    for prediction in predictions:
        if prediction.id == review.parent_prediction:
            return prediction
    served = [(one.created_at.timestamp(), one.regions) for one in predictions]
    index = seen_by_reviewer(review.regions, review.began_at, served)
    return None if index is None else predictions[index]


def _file(images: Path, address: str) -> Path:
    """The local file of a task's image address. Raises ImageUnreadable."""
    parts = urlsplit(address)
    path = parse_qs(parts.query)["d"][0] if "d" in parse_qs(parts.query) else unquote(parts.path)
    pieces = Path(path.lstrip("/")).parts
    root = images.resolve()
    for start in range(len(pieces)):
        found = root.joinpath(*pieces[start:]).resolve()
        if found.is_relative_to(root) and found.is_file():
            return _checked(found, address)
    raise ImageUnreadable(address, f"no such file under {images}")


def _checked(path: Path, address: str) -> Path:
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageUnreadable(address, f"not a readable image: {error}") from error
    return path
