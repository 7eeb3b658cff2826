"""An annotator who knows the truth: corrects what is shown, and the work that this was."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from loop.label_studio.tasks import StoredTask
from loop.rates.review_work import WORKS, WorkKind
from loop.reviews.verdict_query import VerdictFilter, VerdictRecord
from loop.reviews.verdicts import Decision
from scripts.bench.simulated_reviews import SECONDS
from scripts.demo.annotator import correct
from scripts.demo.scenes import Scene
from scripts.learning.project import StudyProject
from scripts.learning.studio import PROJECT

COST = dict(zip(WORKS, SECONDS, strict=True))  # assumed seconds of an image, and of a box by the work on it


def review_some(project: StudyProject, truth: Mapping[int, Scene], count: int) -> list[int]:
    """Review the next *count* tasks of the queue, and let the loop hear of each; return their ids."""
    reviewed = list[int]()
    while len(reviewed) < count and (task := project.studio.next_task()):
        _review(project, task, truth[task.id])
        reviewed.append(task.id)
    return reviewed


def _review(project: StudyProject, task: StoredTask, scene: Scene) -> None:
    began, shown = time.monotonic(), next(iter(task.predictions), None)
    result = correct([dict(region) for region in shown.result] if shown else [], scene.objects, scene.image.size)
    now = datetime.now(UTC).isoformat()
    annotation = {
        "result": result,
        "parent_prediction": shown.id if shown else None,
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": now,
        "updated_at": now,
        "completed_by": 1,
        "lead_time": time.monotonic() - began,  # without one, a review with nothing in it is one that nobody made
        "unique_id": "",
    }
    event = project.studio.annotate(task, annotation)
    project.rooms.reviews.events.append(PROJECT, event["action"], event)


def count_work(project: StudyProject, truth: Mapping[int, Scene], tasks: Sequence[int]) -> dict[WorkKind, int]:
    """
    Count the annotator's work on reviewed tasks by their verdicts.

    A task on which nothing was suggested, because no version served, has no verdicts: all its objects were drawn.
    """
    wanted = set(tasks)
    verdicts = [
        each for each in project.rooms.reviews.verdicts.all(VerdictFilter(project=PROJECT)) if each.task in wanted
    ]
    judged = {each.task for each in verdicts}
    work = Counter(_list_work(verdicts))
    unjudged = (task for task in tasks if task not in judged)
    work[WorkKind.DRAWN] += sum(len(truth[task].objects) for task in unjudged)
    return {kind: work[kind] if kind is not WorkKind.IMAGE else len(tasks) for kind in WORKS}


def _list_work(verdicts: Iterable[VerdictRecord]) -> Iterable[WorkKind]:
    for verdict in verdicts:
        if verdict.decision is Decision.CONFIRMED:
            yield WorkKind.LEFT
        elif verdict.decision is Decision.FALSE_POSITIVE:
            yield WorkKind.DELETED
        elif verdict.decision is Decision.MISSED:
            yield WorkKind.DRAWN
        else:
            yield from [WorkKind.MOVED] * verdict.is_moved
            yield from [WorkKind.RELABELLED] * verdict.is_relabelled


def add_seconds(work: Mapping[WorkKind, int]) -> float:
    """Return the seconds of an annotator for some work, at the assumed costs."""
    return sum(COST[kind] * count for kind, count in work.items())
