"""Compare the records with Label Studio, and record what no event reported."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from loop.errors import PayloadError, UpstreamError
from loop.failures import Fault, attempt
from loop.label_studio.annotations import Annotation
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.payloads import Review
from loop.label_studio.projects import Project
from loop.label_studio.states import ProjectState
from loop.label_studio.tasks import StoredTask
from loop.registry import follow
from loop.reviews.judging import judge_tasks
from loop.reviews.room import ReviewsRoom
from loop.reviews.set_aside import Step
from loop.reviews.standing import ANNOTATION, TASK
from loop.reviews.way_in import ensure_webhook, repair_login
from loop.storage.actor import LABEL_STUDIO, acting_as
from loop.storage.queries import chunked
from loop.vision.addresses import identify, identify_image

MOST_NAMED = 5  # unreadable annotations in the error of one task
AT_ONCE = 100  # tasks fetched by id that are in memory at once
OVERLAP = timedelta(seconds=5)  # compared twice, because Label Studio's clock is known to the second only

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Changed:
    """
    The tasks that changed and have reviews, there or in the records; whether an open one waits for a prediction.

    An annotation made after *until* may be newer than what this sync reads.
    """

    to_compare: set[int]
    is_any_waiting: bool
    until: datetime


@dataclass(frozen=True, slots=True)
class Synced:
    """The number of tasks whose reviews changed, and a line that also says what else was done."""

    changed: int
    line: str


def sync(reviews: ReviewsRoom, project_id: int) -> Synced:
    """
    Record reviews, deletions and new tasks that no event reported. A second sync changes nothing.

    Compare the tasks that changed in Label Studio since the last sync, and the reviews that events changed since: an
    event may come late and be older than the state that the last sync saw. An object that Label Studio no longer has
    was deleted. A task that cannot be compared or judged is set aside with the reason, and every sync tries it again.
    """
    began = reviews.studio.client.now()
    state = reviews.studio.client.project(project_id)
    _follow_label_config(reviews, state)
    project, config = reviews.studio.projects.get(project_id), reviews.reading_config(project_id)
    uncompared = reviews.store.find_uncompared(project_id)  # before the tasks: later changes are for the next sync
    waiting = reviews.set_aside.ids(project_id)
    changed = _find_changed(reviews, project, config.image_key, began)
    seen, touched, faults = set[int](), set[int](), dict[int, list[Fault]]()
    to_compare = changed.to_compare | {review.task_id for review in uncompared} | waiting
    for task in _read_tasks(reviews, project_id, to_compare):
        result = attempt(partial(_compare, reviews, project_id, config, task, changed.until))
        task_ids, task_faults = (set[int](), [result]) if isinstance(result, Fault) else result
        touched |= task_ids
        seen.add(task.id)
        faults |= {task.id: task_faults} if task_faults else {}
    touched |= _delete_missing_tasks(reviews, project_id)
    _set_aside(reviews, project_id, seen | waiting, faults)
    unjudged = seen | waiting | reviews.verdicts.find_stale(project_id)  # a killed sync may have recorded, not judged
    judge_tasks(reviews, project_id, touched | unjudged)
    with acting_as(LABEL_STUDIO):  # a task may be open again for further annotations, unpredicted
        is_more_asked = reviews.studio.projects.record_annotations_a_task(project_id, state.annotations_a_task)
    if changed.is_any_waiting or is_more_asked:
        follow.ask_refresh(reviews.registry, project_id)
    reviews.store.mark_compared(project_id, uncompared)
    reviews.studio.projects.record_sync(project_id, began - OVERLAP, label_config=project.label_config)
    return Synced(len(touched), ", ".join(_describe(reviews, project_id, len(touched))))


def rebuild(reviews: ReviewsRoom, project_id: int) -> Synced:
    """Delete the reviews of a project and read them from Label Studio again; logged predictions stay."""
    reviews.store.forget(project_id)
    reviews.studio.projects.record_sync(project_id, None)
    return sync(reviews, project_id)


def _describe(reviews: ReviewsRoom, project_id: int, changed: int) -> Iterator[str]:
    """Repair webhook, login and model_version, and yield what was found and done."""
    yield f"{changed} tasks whose reviews were not known"
    yield from ensure_webhook(reviews.studio, project_id)
    try:
        yield from repair_login(reviews.studio, project_id)
    except UpstreamError as error:  # Label Studio tries a login before it takes it, and our web part may be down
        yield f"the login of the ML backend is not repaired: {error}"
    if set_aside := len(reviews.set_aside.ids(project_id)):
        yield f"{set_aside} tasks set aside: see `loop doctor`"
    if unread := len(reviews.store.find_unread(project_id)):
        yield f"{unread} reviews not read whole: see `loop doctor`"
    followed = follow.follow(reviews.registry, project_id)  # without a model_version the queue is in random order
    if followed.was_due:
        yield followed.line


def _set_aside(reviews: ReviewsRoom, project_id: int, tried: set[int], faults: Mapping[int, Sequence[Fault]]) -> None:
    errors = {task_id: "; ".join(fault.error for fault in some[:MOST_NAMED]) for task_id, some in faults.items()}
    for task_id in reviews.set_aside.replace(project_id, Step.COMPARE, tried, errors):
        for fault in faults[task_id]:
            fault.log(f"project {project_id} task {task_id}")


def _find_changed(reviews: ReviewsRoom, project: Project, image_key: str, began: datetime) -> _Changed:
    """
    Find what changed since the last sync by the outlines of the tasks: most have no reviews.

    Where Label Studio's clock went back since, every review is compared: what changed has times before that sync.
    """
    champion = reviews.registry.versions.champion(project.id)
    known, is_any_waiting = reviews.store.standing(project.id, TASK), False
    since = project.synced_until
    is_ahead = since is not None and since > began
    to_compare, until = (set(known), max([began, *known.values()])) if is_ahead else (set[int](), began)
    images = dict[int, str]()  # of the open tasks that are predicted
    for task in reviews.studio.client.outlines_since(project.id, None if is_ahead else since):
        if task.id and (task.is_annotated or task.id in known):
            to_compare.add(task.id)
        if champion and not task.is_labeled:
            is_any_waiting |= not task.has(champion.name)
            if not task.is_annotated and (image := identify_image(task.data, image_key)):
                images[task.id] = image
    if champion and images and not is_any_waiting:
        logged = reviews.predictions.find_logged(project.id, images, champion.name)
        is_any_waiting = any(image and identify(image) != images[task_id] for task_id, image in logged.items())
    return _Changed(to_compare, is_any_waiting, until)


def _read_tasks(reviews: ReviewsRoom, project_id: int, task_ids: Iterable[int]) -> Iterator[StoredTask]:
    """Yield those of the tasks that exist, with their annotations."""
    ids = sorted(task_ids)
    for number, some_ids in enumerate(chunked(ids, AT_ONCE)):
        if number and number % 10 == 0:
            log.info("project %d: %d of %d tasks with reviews compared", project_id, number * AT_ONCE, len(ids))
        yield from reviews.studio.client.named_tasks(project_id, some_ids).values()


def _follow_label_config(reviews: ReviewsRoom, state: ProjectState) -> None:
    """Take over Label Studio's label config, and predict by it; `loop doctor` names one that cannot be used."""
    project_id, known = state.id, reviews.studio.projects.get(state.id)
    if state.label_config != known.label_config:
        with acting_as(LABEL_STUDIO):
            saved = attempt(
                lambda: reviews.studio.projects.save(
                    project_id, state.title or known.title, state.label_config, "seen by the sync"
                )
            )
        if saved is True:
            follow.ask_refresh(reviews.registry, project_id)


def _compare(
    reviews: ReviewsRoom, project_id: int, config: LabelConfig, task: StoredTask, until: datetime
) -> tuple[set[int], list[Fault]]:
    """
    Record the annotations of a task and delete those it no longer has; return the changed tasks and the faults.

    An annotation made after *until* stays: the task may have been read before it was made.
    """
    units = [partial(_record, reviews, project_id, config, task, annotation) for annotation in task.annotations]
    results = [attempt(unit) for unit in units]
    recorded = [result for result in results if not isinstance(result, Fault)]
    faults = [result for result in results if isinstance(result, Fault)]
    changed = {task_id for _, task_ids in recorded for task_id in task_ids}
    existing = {review.id: review.created_at for review, _ in recorded}
    is_undeleted = reviews.store.undelete(project_id, ANNOTATION, existing)
    is_undeleted |= reviews.store.undelete(project_id, TASK, {task.id: max(existing.values())} if existing else {})
    missing = _find_missing(reviews, project_id, task, until)
    if missing:  # no other writer waits where nothing is to be written
        reviews.store.delete(project_id, ANNOTATION, missing, is_current=True)
    return changed | ({task.id} if is_undeleted or missing else set()), faults


def _record(
    reviews: ReviewsRoom, project_id: int, config: LabelConfig, task: StoredTask, annotation: Annotation
) -> tuple[Review, set[int]]:
    """Record an annotation; return its review and the changed tasks. Raises PayloadError."""
    review = annotation.read(config, project_id=project_id, task_id=task.id)
    if (review.project_id, review.task_id) != (project_id, task.id):
        expected = f"{task.id} of project {project_id}"
        raise PayloadError("annotation task", expected, f"{review.task_id} of project {review.project_id}")
    return review, reviews.store.record(review, task.data, is_current=True)


def _find_missing(reviews: ReviewsRoom, project_id: int, task: StoredTask, until: datetime) -> dict[int, datetime]:
    """Return the known annotations that the task no longer has; none if the id of any cannot be read."""
    ids = [annotation.id for annotation in task.annotations]
    if None in ids:
        return {}
    known = reviews.store.standing(project_id, ANNOTATION, task.id)
    return {annotation_id: made for annotation_id, made in known.items() if annotation_id not in ids and made <= until}


def _delete_missing_tasks(reviews: ReviewsRoom, project_id: int) -> set[int]:
    """Delete the tasks, reviewed or predicted, that Label Studio no longer has; return those with reviews."""
    known, predicted = reviews.store.standing(project_id, TASK), reviews.predictions.find_tasks(project_id)
    before = datetime.now(UTC)
    existing = reviews.studio.client.task_ids(project_id) if known or predicted else set()
    missing = {task_id: made for task_id, made in known.items() if task_id not in existing}
    served = reviews.predictions.find_served(project_id, predicted - existing, before)
    seen_gone = {task_id: max(before, missing.get(task_id, before)) for task_id in served}
    reviews.store.delete(project_id, TASK, {**missing, **seen_gone}, is_current=True)
    return set(missing)
