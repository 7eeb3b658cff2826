"""Make up for events that never came: compare with what Label Studio has, and repair the webhook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from loop.errors import PayloadError
from loop.failures import Fault, attempt
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.payloads import Review, read_review, task_data
from loop.label_studio.projects import Project
from loop.label_studio.webhook import ensure_webhook
from loop.parts import Parts
from loop.registry import follow
from loop.reviews.judging import judge_tasks
from loop.reviews.reading import reading_config
from loop.reviews.review_store import ANNOTATION, TASK
from loop.reviews.set_aside import Step
from loop.serving.pre_annotate import has
from loop.storage.queries import chunked
from loop.storage.storable import is_id

MOST_NAMED = 5  # unreadable annotations named of a task
AT_ONCE = 100  # tasks of which events came late that are in memory together
OVERLAP = timedelta(seconds=5)  # looked at twice, because the time of Label Studio is known to the second only


@dataclass(frozen=True, slots=True)
class Synced:
    """How many tasks' reviews were not known, and a line on that and all else that was done."""

    changed: int
    line: str


def sync(parts: Parts, project_id: int) -> Synced:
    """
    Record reviews, deletions and new tasks that no event told us of; done twice it changes nothing.

    What changed since the last time is asked for, and what an event told of since: it may have come late, and be older
    than what the last sweep saw. What was deleted is what we know and Label Studio no longer has. A task that cannot be
    compared or judged is set aside with its reason, and looked at by every sweep until it can.
    """
    began = parts.label_studio.now()
    _follow_label_config(parts, project_id)
    project, config = parts.projects.get(project_id), reading_config(parts, project_id)
    told = parts.reviews.told(project_id)  # before tasks are read: what is told from here on is for the next sweep
    champion = parts.registry.champion(project_id)
    waiting = parts.set_aside.ids(project_id)
    seen, touched, faults, is_new = set[int](), set[int](), dict[int, list[Fault]](), False
    for task_id, task in _to_compare(parts, project, {one.task_id for one in told} | waiting):
        compared = attempt(partial(_compared, parts, project_id, config, task, began))
        changed, unread = (set[int](), [compared]) if isinstance(compared, Fault) else compared
        touched |= changed
        seen.add(task_id)
        faults |= {task_id: unread} if unread else {}
        is_new |= champion is not None and not task.get("is_labeled") and not has(task, champion.name)
    touched |= _deleted_tasks(parts, project_id)
    _set_aside(parts, project_id, seen | waiting, faults)
    # also what a sweep that was killed had recorded and not judged
    judge_tasks(parts, project_id, seen | touched | waiting)
    if is_new:
        follow.ask_refresh(parts, project_id)
    parts.reviews.compared(project_id, told)
    parts.projects.synced(project_id, began - OVERLAP, label_config=project.label_config)
    lines = [f"{len(touched)} tasks whose reviews were not known", *ensure_webhook(parts, project_id)]
    set_aside = len(parts.set_aside.ids(project_id))
    lines += [f"{set_aside} tasks set aside: see `loop doctor`"] if set_aside else []
    left_out = len(parts.reviews.unread(project_id))
    lines += [f"{left_out} reviews not read whole: see `loop doctor`"] if left_out else []
    followed = follow.follow(parts, project_id)  # somebody may have emptied it: then the queue is at random
    lines += [followed] if followed != follow.UNCHANGED else []
    return Synced(len(touched), ", ".join(lines))


def rebuild(parts: Parts, project_id: int) -> Synced:
    """Forget the reviews of a project and read them from Label Studio again; the predictions served are kept."""
    parts.reviews.forget(project_id)
    parts.projects.synced(project_id, None)
    return sync(parts, project_id)


def _set_aside(parts: Parts, project_id: int, tried: set[int], faults: Mapping[int, Sequence[Fault]]) -> None:
    errors = {task_id: "; ".join(fault.error for fault in found[:MOST_NAMED]) for task_id, found in faults.items()}
    for task_id in parts.set_aside.replace(project_id, Step.COMPARE, tried, errors):
        for fault in faults[task_id]:
            fault.log(f"project {project_id} task {task_id}")


def _to_compare(parts: Parts, project: Project, asked: Iterable[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The tasks that changed since the last sweep, and those of *asked* that did not and are still there, by id."""
    left = set(asked)
    for task in parts.label_studio.tasks_since(project.id, project.synced_until):
        if is_id(task["id"]):
            left.discard(task["id"])
            yield task["id"], task
    for task_ids in chunked(sorted(left), AT_ONCE):
        yield from parts.label_studio.named_tasks(project.id, task_ids).items()


def _follow_label_config(parts: Parts, project_id: int) -> None:
    """Take the label config over that Label Studio has; one that cannot be worked with is named by the doctor."""
    there, known = parts.label_studio.project(project_id), parts.projects.get(project_id)
    label_config, title = there.get("label_config"), str(there.get("title") or known.title)
    if label_config != known.label_config:
        attempt(lambda: parts.projects.save(project_id, title, str(label_config)))


def _compared(
    parts: Parts, project_id: int, config: LabelConfig, task: Mapping[str, Any], began: datetime
) -> tuple[set[int], list[Fault]]:
    """
    Record a task's annotations, drop those it no longer has; return the tasks changed, and what cannot be read.

    An annotation made after the sweep *began* may be missing only because the task was read before: it stays.
    """
    annotations = task.get("annotations") or []
    if not isinstance(annotations, list):
        raise PayloadError("annotations", "a list of annotations", annotations)
    units = [partial(_recorded, parts, project_id, config, task, annotation) for annotation in annotations]
    done = [attempt(unit) for unit in units]
    known = [one for one in done if not isinstance(one, Fault)]
    faults = [one for one in done if isinstance(one, Fault)]
    changed = {task_id for _, changed in known for task_id in changed}
    there = {review.id: review.created_at for review, _ in known}
    was_buried = parts.reviews.exhume(project_id, ANNOTATION, there)
    was_buried |= parts.reviews.exhume(project_id, TASK, {task["id"]: max(there.values())} if there else {})
    gone = _gone(parts, project_id, task["id"], annotations, began)
    parts.reviews.delete(project_id, ANNOTATION, gone, is_current=True)
    return changed | ({task["id"]} if was_buried or gone else set()), faults


def _recorded(
    parts: Parts, project_id: int, config: LabelConfig, task: Mapping[str, Any], annotation: Any
) -> tuple[Review, set[int]]:
    review = read_review(annotation, config, project_id=project_id, task_id=task["id"])
    if (review.project_id, review.task_id) != (project_id, task["id"]):
        expected = f"{task['id']} of project {project_id}"
        raise PayloadError("annotation task", expected, f"{review.task_id} of project {review.project_id}")
    return review, parts.reviews.record(review, task_data(task), is_current=True)


def _gone(
    parts: Parts, project_id: int, task_id: int, annotations: Sequence[Any], began: datetime
) -> dict[int, datetime]:
    """The annotations that a task had when the sweep *began* and no longer has; none while an id cannot be read."""
    ids = [annotation.get("id") if isinstance(annotation, Mapping) else None for annotation in annotations]
    if not all(is_id(one) for one in ids):
        return {}
    known = parts.reviews.standing(project_id, ANNOTATION, task_id)
    return {number: made for number, made in known.items() if number not in ids and made <= began}


def _deleted_tasks(parts: Parts, project_id: int) -> set[int]:
    """Drop the reviews of tasks that are no longer there."""
    known = parts.reviews.standing(project_id, TASK)
    there = parts.label_studio.task_ids(project_id) if known else set()
    gone = {task_id: made for task_id, made in known.items() if task_id not in there}
    parts.reviews.delete(project_id, TASK, gone, is_current=True)
    return set(gone)
