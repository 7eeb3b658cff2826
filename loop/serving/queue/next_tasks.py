"""The open tasks in the order in which Label Studio serves them, from the records."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from loop.regions import Region
from loop.serving.queue.reasons import explain_group, explain_place
from loop.serving.queue_order import NO_GROUP
from loop.serving.room import ServingRoom
from loop.serving.store import AUDIT, LoggedPrediction


@dataclass(frozen=True, slots=True)
class QueuedTask:
    """
    A task of the queue, at its *place*, counted from 1, with the shown boxes of its prediction.

    *reviewed_in_group* counts the reviewed tasks of its group of similar tasks; None where the queue is not spread over
    groups. *size* is the width and height of its image, None if the log does not have it.
    """

    place: int
    task_id: int
    score: float
    boxes: tuple[Region, ...]
    why: str
    is_audit: bool
    size: tuple[int, int] | None = None
    reviewed_in_group: int | None = None


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A part of the queue of one *version*; *total* counts all tasks in it."""

    version: str
    total: int
    tasks: tuple[QueuedTask, ...]


def list_queue(
    serving: ServingRoom, project_id: int, *, offset: int = 0, most: int = 20, annotator: int | None = None
) -> QueuePage:
    """
    Return a part of the queue as the records have it.

    Label Studio first serves the group of which an *annotator* has reviewed the fewest tasks, and in it the task with
    the lowest score; without an annotator, the reviews of all count. Of several annotators each may get one of the next
    tasks, so that two do not review the same, and none gets back a task that they skipped. Tasks that the champion has
    not predicted come later. Where the project asks for several annotations of a task, tasks that others have begun
    come before all these in Label Studio, in random order; they are not in the list. Raises UnknownProject.
    """
    serving.studio.projects.get(project_id)
    version = serving.registry.version_name(serving.registry.versions.champion(project_id))
    groups = serving.groups.all(project_id) if serving.policy.is_spread else {}
    done = serving.groups.find_reviewed(project_id, annotator)
    reviewed = Counter(groups.get(task_id, NO_GROUP) for task_id in done)
    queue = [
        (reviewed[groups.get(task_id, NO_GROUP)] if groups else 0, score, task_id)
        for task_id, score in serving.predictions.read_open(project_id, version).items()
        if annotator is None or task_id not in done
    ]
    queue.sort()
    part = queue[offset : offset + most]
    logged = serving.predictions.newest(project_id, [task_id for *_, task_id in part], version=version)
    tasks = tuple(
        _make_task(serving, place, logged[task_id], count if groups else None)
        for place, (count, _, task_id) in enumerate(part, start=offset + 1)
        if task_id in logged
    )
    return QueuePage(version, len(queue), tasks)


def _make_task(serving: ServingRoom, place: int, prediction: LoggedPrediction, reviewed: int | None) -> QueuedTask:
    is_audit, shown, held_back = prediction.stream == AUDIT, prediction.regions, prediction.candidates
    why = explain_place(shown, held_back, prediction.threshold, is_audit=is_audit, order=serving.ranking.order)
    return QueuedTask(
        place,
        prediction.task_id,
        prediction.score,
        prediction.regions,
        why if reviewed is None else f"{why}; {explain_group(reviewed)}",
        is_audit,
        prediction.size,
        reviewed,
    )
