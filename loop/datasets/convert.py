"""Converts a Label Studio JSON export to a YOLO dataset, or to verdicts, without a server."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from loop.datasets.export_file import NoTask, read_export, read_tasks
from loop.datasets.folder import Snapshot
from loop.datasets.local_images import LocalImages
from loop.datasets.near_duplicates import NearByHash
from loop.datasets.snapshots import LabelledImage, Reason
from loop.datasets.splits import assign, join_families
from loop.datasets.survey import read_group
from loop.datasets.writer import Draft, open_draft
from loop.errors import EmptySnapshot, ImageError, PayloadError
from loop.failures import Fault, attempt
from loop.label_studio.classes import ClassIndex
from loop.label_studio.exports import FULL, infer_config
from loop.label_studio.label_config import LabelConfig, parse
from loop.label_studio.payloads import ReadPrediction, Review
from loop.label_studio.tasks import StoredTask
from loop.reviews.verdicts import Verdict, counted_review_key, judge, seen_by_reviewer


@dataclass(frozen=True, slots=True)
class ConversionPolicy:
    """The share held out, the settings that keep tasks on one side, and the largest number of pixels of an image."""

    held_out_share: float = 0.2
    group_field: str = ""
    twin_bits: int = 4
    most_pixels: int = 100_000_000


@dataclass(frozen=True, slots=True)
class TaskVerdicts:
    """The verdicts on one task's prediction; empty if the task is left out, for the reason in *left_out*."""

    task_id: int
    version: str
    verdicts: list[Verdict]
    left_out: str = ""


def to_dataset(
    export: Path, label_config: str, images: Path, out: Path, policy: ConversionPolicy | None = None
) -> Snapshot:
    """
    Write the reviewed tasks of an export as a YOLO dataset into *out*, which must be new or empty.

    LocalImages finds the image of each task in the folder *images*. The export may be larger than memory.

    Raises PayloadError, EmptySnapshot.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise PayloadError("--out", "a folder that is new or empty", str(out))
    policy = policy or ConversionPolicy()
    config = parse(label_config)
    labels = ClassIndex.of(config.label_names)
    with open_draft(out.absolute().parent) as draft:
        files = LocalImages(images, draft.prepared, policy.most_pixels)
        draft.add(_read_images(export, config, policy, draft, files), labels, files.find, at_once=os.cpu_count() or 1)
        if not draft.added and not draft.report.counts:
            raise EmptySnapshot(f"{export}: nothing to train on in it: {explain_nothing(export)}")
        draft.take_out(files.find_contradictions())
        groups = [one.group for one in draft.added]
        families = join_families(groups, NearByHash([one.look for one in draft.added], policy.twin_bits))
        ids = [one.task_id for one in draft.added]
        sides = assign({}, ids, project_id=0, share=policy.held_out_share, labels=families.labels)
        return draft.finish(sides, labels, into=out.absolute())


def to_verdicts(export: Path, label_config: str | None = None) -> Iterator[TaskVerdicts]:
    """
    Judge the counted review of each task of an export against the prediction it was made on.

    A task without a counted review or without a prediction is skipped. A task whose review or prediction cannot be
    read whole is left out. Without a *label_config*, the control is inferred from the predictions. Raises PayloadError.
    """
    config = parse(label_config) if label_config is not None else infer_config(read_tasks(export))
    _check_predictions(export)
    for task in read_export(export):
        if isinstance(task, NoTask):
            yield TaskVerdicts(task.number, "", [], str(task.error))
            continue
        verdicts = attempt(partial(_judge_task, task, config))
        if isinstance(verdicts, Fault):
            yield TaskVerdicts(task.id, "", [], verdicts.error)
        elif verdicts:
            yield verdicts


def _check_predictions(export: Path) -> None:
    """Raise PayloadError if the export has predictions, but only their ids."""
    predicted = (task for task in read_tasks(export) if task.is_predicted)
    if next(predicted, StoredTask({})).has_ids_alone and all(task.has_ids_alone for task in predicted):
        raise PayloadError(str(export), FULL, "predictions by their ids alone, as its own JSON export has them")


def explain_nothing(export: Path) -> str:
    """Say why an export gives no verdicts, by counting its tasks, reviews and predictions."""
    tasks = reviewed = predicted = 0
    for task in read_tasks(export):
        tasks, reviewed = tasks + 1, reviewed + task.is_reviewed
        predicted += task.is_reviewed and task.is_predicted
    return f"{tasks} tasks, {reviewed} of them reviewed, {predicted} of those with a prediction"


def _judge_task(task: StoredTask, config: LabelConfig) -> TaskVerdicts | None:
    """Judge one task. Raises PayloadError."""
    review, predictions = _choose_review(task, config), task.read_predictions(config)
    if review is None or review.is_imported or not predictions:  # with an import nobody saw a prediction
        return None
    prediction = _find_seen_prediction(review, predictions)
    faults = [one.text for one in (*review.unread, *(prediction.unread if prediction else ()))]
    if faults:  # without all its ids, a review may not tell which prediction was seen
        return TaskVerdicts(task.id, prediction.version if prediction else "", [], "; ".join(faults))
    if prediction is None:
        return None
    return TaskVerdicts(task.id, prediction.version, judge(prediction.regions, review.regions))


def _read_images(
    export: Path, config: LabelConfig, policy: ConversionPolicy, draft: Draft, files: LocalImages
) -> Iterator[LabelledImage]:
    """The reviewed tasks of an export; tasks whose review or image cannot be read are left out and named."""
    for task in read_export(export):
        if isinstance(task, NoTask):
            draft.report.leave_out(Reason.NO_REVIEW, task.number, str(task.error))
            continue
        review = attempt(partial(_choose_review, task, config))
        if isinstance(review, Fault):
            draft.report.leave_out(Reason.NO_REVIEW, task.id, review.error)
            continue
        if review:
            try:
                image = files.store(task.read(config.image_key).image)
            except (PayloadError, ImageError) as error:
                draft.report.leave_out(Reason.NO_IMAGE, task.id, str(error))
                continue
            group = read_group(task.data, policy.group_field)
            yield LabelledImage(task.id, image, review.regions, review.id, group, review.unread)


def _choose_review(task: StoredTask, config: LabelConfig) -> Review | None:
    """The counted review of a task, even if it is read only in part. Raises PayloadError."""
    complete = [review for review in task.read_reviews(config) if review.is_complete]
    return max(complete, key=_rank, default=None)


def _rank(review: Review) -> tuple[bool, datetime, int]:
    return counted_review_key(is_ground_truth=review.is_ground_truth, at=review.updated_at, annotation=review.id)


def _find_seen_prediction(review: Review, predictions: Sequence[ReadPrediction]) -> ReadPrediction | None:
    """Find the prediction that the reviewer saw: by id, or by time and boxes if it was deleted since."""
    for prediction in predictions:
        if prediction.id == review.parent_prediction:
            return prediction
    candidates = [(one.created_at.timestamp(), one.regions) for one in predictions]
    index = seen_by_reviewer(review.regions, review.began_at, candidates)
    return None if index is None else predictions[index]
