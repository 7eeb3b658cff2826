"""A Label Studio JSON export to a YOLO dataset, or to verdicts; no server needed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop.adapters.dataset_folder import Snapshot
from loop.adapters.draft import Draft, writing
from loop.adapters.export_file import read_export
from loop.adapters.local_images import LocalImages
from loop.decisions.classes import Labels
from loop.decisions.label_config import LabelConfig, parse
from loop.decisions.ls_format import Review, StoredPrediction, read_prediction, read_review, read_task, task_data
from loop.decisions.near_duplicates import Looks
from loop.decisions.snapshots import LabelledImage, Reason
from loop.decisions.splits import assign, together
from loop.decisions.storable import LARGEST_ID
from loop.decisions.verdicts import Verdict, counted_review_key, judge, seen_by_reviewer
from loop.errors import ImageError, PayloadError
from loop.use_cases.assemble import group_of


@dataclass(frozen=True, slots=True)
class ConversionPolicy:
    """What share is held out, what stays on one side together, and how many pixels an image may have."""

    held_out_share: float = 0.2
    group_field: str = ""
    twin_bits: int = 4
    most_pixels: int = 100_000_000


@dataclass(frozen=True, slots=True)
class TaskVerdicts:
    """The verdicts on one task's prediction."""

    task_id: int
    version: str
    verdicts: list[Verdict]


def to_dataset(
    export: Path, label_config: str, images: Path, out: Path, policy: ConversionPolicy | None = None
) -> Snapshot:
    """
    Write the reviewed tasks of an export as a YOLO dataset into *out*, which must not exist yet or be empty.

    The image of a task is looked for in *images*, see LocalImages.
    The export may be larger than memory. Raises PayloadError, EmptySnapshot.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PayloadError("--out", "a folder that is new or empty", str(out))
    policy = policy or ConversionPolicy()
    config = parse(label_config)
    labels = Labels.of(config.label_names)
    with writing(out.absolute().parent) as draft:
        files = LocalImages(images, draft.prepared, policy.most_pixels)
        draft.add(_labelled(export, config, policy, draft, files), labels, files.find, at_once=os.cpu_count() or 1)
        draft.take_out(files.contradictions())
        groups = [one.group for one in draft.added]
        families = together(groups, Looks([one.look for one in draft.added], policy.twin_bits))
        ids = [one.task_id for one in draft.added]
        sides = assign({}, ids, project_id=0, share=policy.held_out_share, labels=families.labels)
        return draft.finish(sides, labels, into=out.absolute())


def to_verdicts(export: Path) -> Iterator[TaskVerdicts]:
    """
    Judge the counted review of each task of an export against the prediction it was made on.

    A task without a review that counts, or without a prediction to judge, gives nothing.
    """
    for task in read_export(export):
        review = _counted(task)
        found = enumerate(task.get("predictions") or [], start=1)
        predictions = [
            read_prediction(one, task_id=task["id"], prediction_id=LARGEST_ID - number) for number, one in found
        ]
        seen = _seen(review, sorted(predictions, key=lambda one: one.created_at)) if review else None
        if review and seen:
            yield TaskVerdicts(review.task_id, seen.version, judge(seen.regions, review.regions))


def _labelled(
    export: Path, config: LabelConfig, policy: ConversionPolicy, draft: Draft, files: LocalImages
) -> Iterator[LabelledImage]:
    """The reviewed tasks of an export; one whose review or image cannot be read is left out and named."""
    for task in read_export(export):
        if not isinstance(task["id"], int):
            raise PayloadError(f"{export} id of a task", "an integer", task["id"])
        try:
            review = _counted(task)
        except PayloadError as error:
            draft.report.leave_out(Reason.NO_REVIEW, task["id"], str(error))
            continue
        if review:
            try:
                image = files.keep(read_task(task, config.image_key).image)
            except (PayloadError, ImageError) as error:
                draft.report.leave_out(Reason.NO_IMAGE, task["id"], str(error))
                continue
            group = group_of(task_data(task), policy.group_field)
            yield LabelledImage(task["id"], image, review.regions, review.id, group)


def _counted(task: dict[str, Any]) -> Review | None:
    annotations = task.get("annotations") or []
    if not isinstance(annotations, list) or not all(isinstance(one, dict) for one in annotations):
        raise PayloadError(f"task {task['id']} annotations", "a list of annotations", annotations)
    found = [
        read_review(one, project_id=task.get("project") or 1, task_id=task["id"], annotation_id=number)
        for number, one in enumerate(annotations, start=1)
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
