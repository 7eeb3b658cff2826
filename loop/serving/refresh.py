"""Predict the open tasks of a project by its champion, and let Label Studio serve them in the order of doubt."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from loop.errors import NotStored, Refused
from loop.label_studio.payloads import predictions_of
from loop.label_studio.projects import Project
from loop.registry.follow import follow
from loop.registry.store import Version
from loop.serving import shadow
from loop.serving.pre_annotate import Predicted, has, predict_all
from loop.serving.retire import retire
from loop.serving.room import ServingRoom
from loop.serving.write_groups import write_groups
from loop.vision.ask_vectors import ask_vectors

Json = dict[str, Any]
MOST_NAMED = 10  # broken tasks named in a job's line


def refresh(serving: ServingRoom, project_id: int) -> str:
    """
    Store the champion's predictions for every open task that lacks them, then make the queue follow them.

    Done twice it stores nothing twice: what Label Studio already has from this version is left out. It counts as done
    only at the end, so whatever it is killed in the middle of, the sweep asks for it again. Raises UpstreamError,
    NotStored after all else is done, and RegistryError or DetectorBroken where the champion does not work: nothing is
    stored for a version that cannot predict.
    """
    project = serving.studio.projects.get(project_id)
    champion = serving.registry.versions.champion(project_id)
    if champion is None:
        serving.studio.projects.refreshed(project, "")
        return "nothing to predict with yet"
    execution = str(uuid.uuid4())
    waiting, beside = [], []
    known: dict[int, Json] = {}
    for task in serving.studio.client.open_tasks(project_id):
        if has(task, champion.name):
            known[task["id"]] = task
        else:
            waiting.append(task)
        if shadow.answers(project, champion.name, task):
            beside.append(task)
    unmeant = _unmeant(serving, project_id, champion.name, known)
    waiting += [known[task_id] for task_id in unmeant]
    _take_over(serving, project_id, champion.name, list(known), execution)
    predicted = _predict(serving, project, champion, waiting, unmeant, execution)
    ask_vectors(serving.vision, project_id)
    followed = follow(serving.registry, project_id)
    lines = [f"{champion.name}: {predicted.done} of {len(waiting)} open tasks predicted; {followed}"]
    write_groups(serving, project_id)
    lines += shadow.answer(serving, project, beside, execution)
    if predicted.refused:
        raise NotStored(project_id, dict(predicted.refused), predicted.done)
    serving.studio.projects.refreshed(project, champion.name)
    if serving.policy.keep_predictions == 0:  # else the schedule does it later
        lines.append(retire(serving, project_id))
    return "; ".join([*lines, *(f"task {one.task_id}: {one.error}" for one in predicted.broken[:MOST_NAMED])])


def is_due(serving: ServingRoom, project: Project) -> bool:
    """Whether open tasks wait for the champion."""
    champion = serving.registry.versions.champion(project.id)
    answered_by = champion.name if champion else ""
    return project.refresh_asked != project.refresh_done or project.refreshed_version != answered_by


def _predict(
    serving: ServingRoom,
    project: Project,
    champion: Version,
    tasks: Sequence[Json],
    unmeant: Mapping[int, list[int]],
    execution: str,
) -> Predicted:
    """Predict tasks, and remove the *unmeant* predictions of those that now have others."""
    if not tasks:
        return Predicted()
    matching = partial(serving.matching.known, project)
    predicted = predict_all(serving, project, serving.registry.load(champion), tasks, execution, matching=matching)
    failed = {one.task_id for one in predicted.broken} | predicted.refused.keys()
    _remove(serving, (one for task_id, ids in unmeant.items() if task_id not in failed for one in ids))
    return predicted


def _unmeant(serving: ServingRoom, project_id: int, version: str, known: Mapping[int, Json]) -> dict[int, list[int]]:
    """
    By task, the stored predictions that are empty because nothing could be predicted, not because nothing was found.

    Label Studio stores what `/predict` answers while a version is broken or an image is away; our log has none of it.
    """
    stored = {task_id: predictions_of(task, version) for task_id, task in known.items()}
    empty = {task_id: some for task_id, some in stored.items() if not any(one.get("result") for one in some)}
    meant = serving.predictions.newest(project_id, empty, version=version)
    meant |= serving.predictions.newest(project_id, empty, is_shadow=True, version=version)
    return {task_id: [one["id"] for one in some] for task_id, some in empty.items() if task_id not in meant}


def _remove(serving: ServingRoom, prediction_ids: Iterable[int]) -> None:
    for prediction_id in prediction_ids:
        with suppress(Refused):  # somebody else removed it
            serving.studio.client.delete_prediction(prediction_id)


def _take_over(serving: ServingRoom, project_id: int, version: str, task_ids: Sequence[int], execution: str) -> None:
    """What Label Studio was shown of a shadow is what serves once that version is the champion: log it as served."""
    ours = serving.predictions.newest(project_id, task_ids, is_shadow=True, version=version)
    served = serving.predictions.newest(project_id, ours)
    now = datetime.now(UTC)
    serving.predictions.append(
        [
            replace(one, is_shadow=False, served_at=now, execution=execution)
            for task_id, one in ours.items()
            if task_id not in served or served[task_id].version != version
        ]
    )
