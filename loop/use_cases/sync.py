"""Make up for events that never came: compare with what Label Studio has, and repair the webhook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from loop.adapters.project_list import Project
from loop.adapters.review_log import ANNOTATION, TASK
from loop.decisions.ls_format import read_review, task_data
from loop.errors import PayloadError
from loop.parts import Parts
from loop.use_cases import refresh
from loop.use_cases.answer import has
from loop.use_cases.review import ask_when_due, judge_tasks
from loop.use_cases.webhook import ensure_webhook

AT_ONCE = 100  # tasks of which events came late that are in memory together
OVERLAP = timedelta(seconds=5)  # looked at twice, because the time of Label Studio is known to the second only


def sync(parts: Parts, project_id: int) -> str:
    """
    Record reviews, deletions and new tasks that no event told us of; done twice it changes nothing.

    What changed since the last time is asked for, and what an event told of since: it may have come late, and be older
    than what the last sweep saw. What was deleted is what we know and Label Studio no longer has.
    """
    project = parts.projects.get(project_id)
    began = parts.label_studio.now()
    told = parts.reviews.told(project_id)  # before tasks are read: what is told from here on is for the next sweep
    champion = parts.registry.champion(project_id)
    seen: set[int] = set()
    touched: set[int] = set()
    is_new, unreadable = False, 0
    for task in _to_compare(parts, project, {one.task_id for one in told}):
        changed, broken = _compared(parts, project, task, began)
        touched |= changed
        seen.add(task["id"])
        unreadable += broken
        is_new |= champion is not None and not task.get("is_labeled") and not has(task, champion.name)
    touched |= _deleted_tasks(parts, project_id)
    judge_tasks(parts, project_id, seen | touched)  # also what a sweep that was killed had recorded and not judged
    if is_new:
        refresh.ask(parts, project_id)
    parts.reviews.compared(project_id, told)
    parts.projects.synced(project_id, began - OVERLAP)
    lines = [f"{len(touched)} tasks whose reviews were not known", *ensure_webhook(parts, project_id)]
    lines += [f"{unreadable} unreadable annotations"] if unreadable else []
    followed = refresh.follow(parts, project_id)  # somebody may have emptied it: then the queue is at random
    lines += [followed] if followed != refresh.UNCHANGED else []
    lines += ["training asked for"] if touched and ask_when_due(parts, project_id) else []
    return ", ".join(lines)


def rebuild(parts: Parts, project_id: int) -> str:
    """Forget the reviews of a project and read them from Label Studio again; the predictions served are kept."""
    parts.reviews.forget(project_id)
    parts.projects.synced(project_id, None)
    return sync(parts, project_id)


def _to_compare(parts: Parts, project: Project, told: Iterable[int]) -> Iterator[dict[str, Any]]:
    """The tasks that changed since the last sweep, and those of *told* that did not and are still there."""
    left = set(told)
    for task in parts.label_studio.tasks_since(project.id, project.synced_until):
        left.discard(task["id"])
        yield task
    ids = sorted(left)
    for start in range(0, len(ids), AT_ONCE):
        yield from parts.label_studio.named_tasks(project.id, ids[start : start + AT_ONCE]).values()


def _compared(parts: Parts, project: Project, task: Mapping[str, Any], began: datetime) -> tuple[set[int], int]:
    """
    Record a task's annotations, drop those it no longer has; return the tasks changed and how many are broken.

    An annotation made after the sweep *began* may be missing only because the task was read before: it stays.
    """
    project_id = project.id
    changed, unreadable, there = set[int](), 0, {}
    for annotation in task.get("annotations") or []:
        try:
            review = read_review(annotation, project_id=project_id, task_id=task["id"])
        except PayloadError:
            unreadable += 1
            continue
        changed |= parts.reviews.record(review, task_data(task), is_current=True)
        there[review.id] = review.created_at
    was_buried = parts.reviews.exhume(project_id, ANNOTATION, there)
    was_buried |= parts.reviews.exhume(project_id, TASK, {task["id"]: max(there.values())} if there else {})
    known = parts.reviews.standing(project_id, ANNOTATION, task["id"])
    ids = {annotation.get("id") for annotation in task.get("annotations") or []}
    gone = {number: made for number, made in known.items() if number not in ids and made <= began}
    parts.reviews.delete(project_id, ANNOTATION, gone, is_current=True)
    return changed | ({task["id"]} if was_buried or gone else set()), unreadable


def _deleted_tasks(parts: Parts, project_id: int) -> set[int]:
    """Drop the reviews of tasks that are no longer there."""
    known = parts.reviews.standing(project_id, TASK)
    there = parts.label_studio.task_ids(project_id) if known else set()
    gone = {task_id: made for task_id, made in known.items() if task_id not in there}
    parts.reviews.delete(project_id, TASK, gone, is_current=True)
    return set(gone)
