"""Predicts the open tasks of a project with its champion, and makes Label Studio serve the least certain first."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from loop.errors import NotStored, Refused, UpstreamError
from loop.job_queue.progress import JobProgress
from loop.label_studio.projects import Project
from loop.label_studio.tasks import StoredTask
from loop.registry.follow import follow
from loop.registry.store import Version
from loop.serving import shadow
from loop.serving.retire import retire
from loop.serving.room import ServingRoom
from loop.serving.store_predictions import PredictionCounts, predict_and_store
from loop.serving.write_groups import write_groups

log = logging.getLogger(__name__)

MOST_NAMED = 10  # broken tasks in the line of the job


class _RefreshProgress:
    """Follows a run over *tasks* from batch to batch."""

    def __init__(self, serving: ServingRoom, project_id: int, version: str, tasks: int) -> None:
        self._serving, self._project_id, self._version, self._tasks = serving, project_id, version, tasks
        self._began, self._is_first = time.monotonic(), True

    def note(self, left: int) -> bool:
        """Report the progress, make the queue follow after the first batch; return whether to go on."""
        serving, project_id, queue = self._serving, self._project_id, self._serving.registry.queue
        done = self._tasks - left
        progress = JobProgress(done, left, done / max(time.monotonic() - self._began, 1e-3))
        log.info("project %d: %s on the open tasks: %s", project_id, self._version, progress.line)
        champion = serving.registry.versions.champion(project_id)
        if champion is None or champion.name != self._version:
            queue.note_progress(f"refresh-{project_id}", replace(progress, left=0))
            return False
        queue.note_progress(f"refresh-{project_id}", progress)
        if self._is_first and left:
            with suppress(UpstreamError):  # it is done again at the end
                follow(serving.registry, project_id)
        self._is_first = False
        return True


def refresh(serving: ServingRoom, project_id: int) -> str:
    """
    Store the champion's predictions for every open task that lacks them, then make the queue follow them.

    A second run stores nothing twice: tasks with a prediction of this version are left out. The refresh counts as done
    only at its end: where it is killed, or stopped because another version serves, the sweep asks for it again. Raises
    UpstreamError, NotStored after all other work is done, and RegistryError or DetectorBroken where the champion does
    not work: nothing is stored for a version that cannot predict.
    """
    project = serving.studio.projects.get(project_id)
    champion = serving.registry.versions.champion(project_id)
    if champion is None:
        serving.studio.projects.record_refresh(project, "")
        return "nothing to predict with yet"
    execution = str(uuid.uuid4())
    waiting, beside, known = list[StoredTask](), list[StoredTask](), dict[int, StoredTask]()
    for task in serving.studio.client.open_tasks(project_id):
        if task.has(champion.name):
            known[task.id] = task
        else:
            waiting.append(task)
        if shadow.covers(project, champion.name, task):
            beside.append(task)
    empty = _find_empty(serving, project_id, champion.name, known)
    waiting += [known[task_id] for task_id in empty]
    _take_over(serving, project_id, champion.name, list(known), execution)
    predicted = _predict(serving, project, champion, waiting, empty, execution)
    serving.vision.ask_vectors(project_id)
    line = f"{champion.name}: {predicted.done} of {len(waiting)} open tasks predicted"
    if predicted.left:
        return f"{line}, then another version serves"
    lines = [f"{line}; {follow(serving.registry, project_id).line}"]
    write_groups(serving, project_id)
    lines += shadow.predict_by_shadow(serving, project, beside, execution)
    if predicted.refused:
        raise NotStored(project_id, dict(predicted.refused), predicted.done)
    serving.studio.projects.record_refresh(project, champion.name)
    if serving.policy.keep_predictions == 0:  # else the schedule does it later
        lines.append(retire(serving, project_id))
    return "; ".join([*lines, *(f"task {item.task_id}: {item.error}" for item in predicted.broken[:MOST_NAMED])])


def is_due(serving: ServingRoom, project: Project) -> bool:
    """Whether open tasks wait for the champion."""
    champion = serving.registry.versions.champion(project.id)
    answered_by = champion.name if champion else ""
    return project.refresh_asked != project.refresh_done or project.refreshed_version != answered_by


def _predict(
    serving: ServingRoom,
    project: Project,
    champion: Version,
    tasks: Sequence[StoredTask],
    empty: Mapping[int, list[int]],
    execution: str,
) -> PredictionCounts:
    """Predict tasks, and remove the *empty* predictions of tasks that now have another."""
    if not tasks:
        return PredictionCounts()
    match = partial(serving.matching.find_recorded, project)
    predicted, progress = PredictionCounts(), _RefreshProgress(serving, project.id, champion.name, len(tasks))
    for predicted in predict_and_store(
        serving, project, serving.registry.load(champion), tasks, execution, match=match
    ):
        if not progress.note(predicted.left):
            break
    if predicted.left:
        return predicted
    failed = {suggestion.task_id for suggestion in predicted.broken} | predicted.refused.keys()
    _remove(
        serving, (prediction_id for task_id, ids in empty.items() if task_id not in failed for prediction_id in ids)
    )
    return predicted


def _find_empty(
    serving: ServingRoom, project_id: int, version: str, known: Mapping[int, StoredTask]
) -> dict[int, list[int]]:
    """
    Return, by task, the stored predictions that are empty because the task could not be predicted.

    Label Studio stores the answer of `/predict` also while a version is broken or an image cannot be read; our log does
    not have it. An empty prediction that is in our log has no boxes because nothing was detected.
    """
    stored = {task_id: task.predictions_of(version) for task_id, task in known.items()}
    without_boxes = {
        task_id: predictions
        for task_id, predictions in stored.items()
        if all(prediction.is_empty for prediction in predictions)
    }
    logged = serving.predictions.newest(project_id, without_boxes, version=version)
    logged |= serving.predictions.newest(project_id, without_boxes, is_shadow=True, version=version)
    return {
        task_id: [prediction.id for prediction in predictions if prediction.id]
        for task_id, predictions in without_boxes.items()
        if task_id not in logged
    }


def _remove(serving: ServingRoom, prediction_ids: Iterable[int]) -> None:
    for prediction_id in prediction_ids:
        with suppress(Refused):  # removed already
            serving.studio.client.delete_prediction(prediction_id)


def _take_over(serving: ServingRoom, project_id: int, version: str, task_ids: Sequence[int], execution: str) -> None:
    """Log the predictions of a former shadow that is now the champion as served: Label Studio shows them already."""
    ours = serving.predictions.newest(project_id, task_ids, is_shadow=True, version=version)
    served = serving.predictions.newest(project_id, ours)
    now = datetime.now(UTC)
    serving.predictions.append(
        [
            replace(prediction, is_shadow=False, served_at=now, execution=execution)
            for task_id, prediction in ours.items()
            if task_id not in served or served[task_id].version != version
        ]
    )
