"""Drops the boxes of logged predictions that were replaced before anybody reviewed their task."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from loop.label_studio.tasks import StoredTask
from loop.registry.moves import PREVIOUS
from loop.serving.room import ServingRoom
from loop.serving.store import ReplacedPrediction
from loop.walk import Walk

PAGE = 200  # predictions whose tasks are looked at in Label Studio at once
SPAN = 10_000  # ids that one query looks through: it takes long where few of them were replaced


def drop_replaced(serving: ServingRoom, project_id: int, before: datetime, walk: Walk) -> int:
    """
    Drop the boxes of predictions that were replaced *before* a time; return how many.

    They stay while a review could still be judged against them: where the task has an annotation, a skip or a draft, or
    Label Studio still shows the prediction. They also stay for the versions that serve, served last, or are a shadow.
    The rest of each prediction stays for the rates. The *walk* goes over their ids. Raises UpstreamError.
    """
    versions, last, dropped = _find_needed(serving, project_id), serving.predictions.last_id(), 0
    while True:
        after = int(walk.after or 0)
        until = after + SPAN
        replaced = serving.predictions.find_replaced(
            project_id, before, versions=versions, after=after, until=until, most=PAGE
        )
        reached = replaced[-1].id if len(replaced) == PAGE else until
        walk.after = str(reached) if reached < last else ""
        if replaced:
            dropped += _drop_unseen(serving, project_id, replaced)
        if not walk.after or not walk.has_time:
            return dropped


def _drop_unseen(serving: ServingRoom, project_id: int, replaced: Sequence[ReplacedPrediction]) -> int:
    """Drop the boxes of predictions that Label Studio shows nobody any more; return how many."""
    tasks = serving.studio.client.named_tasks(project_id, sorted({prediction.task_id for prediction in replaced}))
    unseen = [prediction.id for prediction in replaced if _is_unseen(tasks.get(prediction.task_id), prediction.version)]
    return serving.predictions.drop_boxes(unseen)


def _find_needed(serving: ServingRoom, project_id: int) -> set[str]:
    project, versions = serving.studio.projects.get(project_id), serving.registry.versions
    champion, previous = versions.champion(project_id), versions.at(project_id, PREVIOUS)
    needed = {project.pinned, project.shadow, previous.name if previous else None}
    return {name for name in needed if name} | {champion.name if champion else serving.registry.version_name(None)}


def _is_unseen(task: StoredTask | None, version: str) -> bool:
    """Whether nobody can be reviewing a task by the prediction of a version; None: the task was deleted."""
    return task is None or not (task.is_begun or task.has(version))
