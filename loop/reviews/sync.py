"""Make up for events that never came: compare with what Label Studio has, and repair the webhook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from loop.errors import PayloadError
from loop.failures import Fault, attempt
from loop.label_studio.annotations import Annotation
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.payloads import Review
from loop.label_studio.projects import Project
from loop.label_studio.tasks import StoredTask
from loop.label_studio.webhook import ensure_webhook
from loop.registry import follow
from loop.reviews.judging import judge_tasks
from loop.reviews.reading import reading_config
from loop.reviews.review_store import ANNOTATION, TASK
from loop.reviews.room import ReviewsRoom
from loop.reviews.set_aside import Step
from loop.storage.queries import chunked

MOST_NAMED = 5  # unreadable annotations named of a task
AT_ONCE = 100  # tasks of which events came late that are in memory together
OVERLAP = timedelta(seconds=5)  # looked at twice, because the time of Label Studio is known to the second only


@dataclass(frozen=True, slots=True)
class Synced:
    """How many tasks' reviews were not known, and a line on that and all else that was done."""

    changed: int
    line: str


def sync(reviews: ReviewsRoom, project_id: int) -> Synced:
    """
    Record reviews, deletions and new tasks that no event told us of; done twice it changes nothing.

    What changed since the last time is asked for, and what an event told of since: it may have come late, and be older
    than what the last sweep saw. What was deleted is what we know and Label Studio no longer has. A task that cannot be
    compared or judged is set aside with its reason, and looked at by every sweep until it can.
    """
    began = reviews.studio.client.now()
    _follow_label_config(reviews, project_id)
    project, config = reviews.studio.projects.get(project_id), reading_config(reviews, project_id)
    told = reviews.store.told(project_id)  # before tasks are read: what is told from here on is for the next sweep
    champion = reviews.registry.versions.champion(project_id)
    waiting = reviews.set_aside.ids(project_id)
    seen, touched, faults, is_new = set[int](), set[int](), dict[int, list[Fault]](), False
    for task in _to_compare(reviews, project, {one.task_id for one in told} | waiting):
        compared = attempt(partial(_compared, reviews, project_id, config, task, began))
        changed, unread = (set[int](), [compared]) if isinstance(compared, Fault) else compared
        touched |= changed
        seen.add(task.id)
        faults |= {task.id: unread} if unread else {}
        is_new |= champion is not None and not task.is_labeled and not task.has(champion.name)
    touched |= _deleted_tasks(reviews, project_id)
    _set_aside(reviews, project_id, seen | waiting, faults)
    # also what a sweep that was killed had recorded and not judged
    judge_tasks(reviews, project_id, seen | touched | waiting)
    if is_new:
        follow.ask_refresh(reviews.registry, project_id)
    reviews.store.compared(project_id, told)
    reviews.studio.projects.record_sync(project_id, began - OVERLAP, label_config=project.label_config)
    lines = [f"{len(touched)} tasks whose reviews were not known", *ensure_webhook(reviews.studio, project_id)]
    set_aside = len(reviews.set_aside.ids(project_id))
    lines += [f"{set_aside} tasks set aside: see `loop doctor`"] if set_aside else []
    left_out = len(reviews.store.unread(project_id))
    lines += [f"{left_out} reviews not read whole: see `loop doctor`"] if left_out else []
    followed = follow.follow(reviews.registry, project_id)  # somebody may have emptied it: then the queue is at random
    lines += [followed.line] if followed.was_due else []
    return Synced(len(touched), ", ".join(lines))


def rebuild(reviews: ReviewsRoom, project_id: int) -> Synced:
    """Forget the reviews of a project and read them from Label Studio again; the predictions served are kept."""
    reviews.store.forget(project_id)
    reviews.studio.projects.record_sync(project_id, None)
    return sync(reviews, project_id)


def _set_aside(reviews: ReviewsRoom, project_id: int, tried: set[int], faults: Mapping[int, Sequence[Fault]]) -> None:
    errors = {task_id: "; ".join(fault.error for fault in found[:MOST_NAMED]) for task_id, found in faults.items()}
    for task_id in reviews.set_aside.replace(project_id, Step.COMPARE, tried, errors):
        for fault in faults[task_id]:
            fault.log(f"project {project_id} task {task_id}")


def _to_compare(reviews: ReviewsRoom, project: Project, asked: Iterable[int]) -> Iterator[StoredTask]:
    """The tasks that changed since the last sweep, and those of *asked* that did not and are still there, by id."""
    left = set(asked)
    for task in reviews.studio.client.tasks_since(project.id, project.synced_until):
        if task.id:
            left.discard(task.id)
            yield task
    for task_ids in chunked(sorted(left), AT_ONCE):
        yield from reviews.studio.client.named_tasks(project.id, task_ids).values()


def _follow_label_config(reviews: ReviewsRoom, project_id: int) -> None:
    """Take the label config over that Label Studio has; one that cannot be worked with is named by the doctor."""
    state, known = reviews.studio.client.project(project_id), reviews.studio.projects.get(project_id)
    if state.label_config != known.label_config:
        attempt(lambda: reviews.studio.projects.save(project_id, state.title or known.title, state.label_config))


def _compared(
    reviews: ReviewsRoom, project_id: int, config: LabelConfig, task: StoredTask, began: datetime
) -> tuple[set[int], list[Fault]]:
    """
    Record a task's annotations, drop those it no longer has; return the tasks changed, and what cannot be read.

    An annotation made after the sweep *began* may be missing only because the task was read before: it stays.
    """
    annotations = task.annotations
    units = [partial(_recorded, reviews, project_id, config, task, annotation) for annotation in annotations]
    done = [attempt(unit) for unit in units]
    known = [one for one in done if not isinstance(one, Fault)]
    faults = [one for one in done if isinstance(one, Fault)]
    changed = {task_id for _, changed in known for task_id in changed}
    there = {review.id: review.created_at for review, _ in known}
    was_buried = reviews.store.exhume(project_id, ANNOTATION, there)
    was_buried |= reviews.store.exhume(project_id, TASK, {task.id: max(there.values())} if there else {})
    gone = _gone(reviews, project_id, task.id, annotations, began)
    reviews.store.delete(project_id, ANNOTATION, gone, is_current=True)
    return changed | ({task.id} if was_buried or gone else set()), faults


def _recorded(
    reviews: ReviewsRoom, project_id: int, config: LabelConfig, task: StoredTask, annotation: Annotation
) -> tuple[Review, set[int]]:
    review = annotation.read(config, project_id=project_id, task_id=task.id)
    if (review.project_id, review.task_id) != (project_id, task.id):
        expected = f"{task.id} of project {project_id}"
        raise PayloadError("annotation task", expected, f"{review.task_id} of project {review.project_id}")
    return review, reviews.store.record(review, task.data, is_current=True)


def _gone(
    reviews: ReviewsRoom, project_id: int, task_id: int, annotations: Sequence[Annotation], began: datetime
) -> dict[int, datetime]:
    """The annotations that a task had when the sweep *began* and no longer has; none while an id cannot be read."""
    ids = [annotation.id for annotation in annotations]
    if None in ids:
        return {}
    known = reviews.store.standing(project_id, ANNOTATION, task_id)
    return {number: made for number, made in known.items() if number not in ids and made <= began}


def _deleted_tasks(reviews: ReviewsRoom, project_id: int) -> set[int]:
    """Drop the reviews of tasks that are no longer there."""
    known = reviews.store.standing(project_id, TASK)
    there = reviews.studio.client.task_ids(project_id) if known else set()
    gone = {task_id: made for task_id, made in known.items() if task_id not in there}
    reviews.store.delete(project_id, TASK, gone, is_current=True)
    return set(gone)
