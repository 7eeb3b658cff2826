"""Work on the events of a project: reviews are recorded and judged."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain

from loop.errors import PayloadError
from loop.failures import Fault, attempt
from loop.label_studio.annotations import Annotation
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.tasks import StoredTask
from loop.label_studio.webhook import (
    ANNOTATIONS_DELETED,
    CREATED,
    PROJECT_UPDATED,
    START_TRAINING,
    TASKS_CREATED,
    TASKS_DELETED,
    read_annotations,
    read_deleted,
    read_project_update,
)
from loop.registry.follow import ask_refresh
from loop.reviews.event_store import Event
from loop.reviews.judging import judge_tasks
from loop.reviews.reading import reading_config
from loop.reviews.review_store import ANNOTATION, TASK
from loop.reviews.room import ReviewsRoom

MOST_NAMED = 5  # faults named of an event
Unit = Callable[[], set[int]]  # returns the tasks whose verdicts it may change


def review(reviews: ReviewsRoom, project_id: int, start_training: Callable[[], object]) -> str:
    """
    Work on all pending events. Doing so twice, or in another order, ends in the same state.

    What an event says and cannot be done is set aside with its reason; all else is done. *start_training* is called for
    the event of that button, before the event counts as done. Raises UnknownProject, and what lies outside of the
    events, such as records that are locked.
    """
    reviews.studio.projects.get(project_id)  # the events of a project that is not connected wait until it is
    worked = set_aside = 0
    while events := reviews.events.pending(project_id):
        touched, errors = set[int](), dict[int, str]()
        for event in events:
            task_ids, faults = _work_on(reviews, event, start_training)
            touched |= task_ids
            if faults:
                errors[event.id] = "; ".join(fault.error for fault in faults[:MOST_NAMED])
        judge_tasks(reviews, project_id, touched)
        for event_id, error in errors.items():
            reviews.events.done([event_id], error=error)
        reviews.events.done([event.id for event in events if event.id not in errors])
        worked, set_aside = worked + len(events), set_aside + len(errors)
    told = f", {set_aside} set aside: see `loop events`" if set_aside else ""
    return f"{worked} events{told}"


def _work_on(reviews: ReviewsRoom, event: Event, start_training: Callable[[], object]) -> tuple[set[int], list[Fault]]:
    """Apply one event; return the tasks whose verdicts it may change, and what of it cannot be applied."""
    units = attempt(lambda: _units(reviews, event, start_training))
    done = [attempt(unit) for unit in units] if not isinstance(units, Fault) else [units]
    faults = [fault for fault in done if isinstance(fault, Fault)]
    for fault in faults:
        fault.log(f"project {event.project_id} event {event.id}")
    return set(chain.from_iterable(ids for ids in done if not isinstance(ids, Fault))), faults


def _units(reviews: ReviewsRoom, event: Event, start_training: Callable[[], object]) -> list[Unit]:
    """What an event asks for, cut into what can be done or fail by itself. Raises PayloadError."""
    payload, project_id = event.payload, event.project_id
    if event.action in CREATED:
        config = reading_config(reviews, project_id)
        return [partial(_record, reviews, project_id, config, *pair) for pair in read_annotations(payload)]
    if event.action == ANNOTATIONS_DELETED:
        return _deletions(reviews, event, ANNOTATION)
    if event.action == TASKS_DELETED:
        return _deletions(reviews, event, TASK)
    acts: dict[str, Callable[[], object]] = {
        TASKS_CREATED: partial(ask_refresh, reviews.registry, project_id),
        PROJECT_UPDATED: partial(_take_project, reviews, event),
        START_TRAINING: start_training,
    }
    return [partial(_changes_no_review, acts[event.action])] if event.action in acts else []


def _changes_no_review(act: Callable[[], object]) -> set[int]:
    act()
    return set()


def _record(
    reviews: ReviewsRoom, project_id: int, config: LabelConfig, annotation: Annotation, task: StoredTask
) -> set[int]:
    review = annotation.read(config, project_id=project_id, task_id=task.id or None)
    if review.project_id != project_id:  # each project has a secret of its own, which opens no other
        raise PayloadError("annotation project", str(project_id), review.project_id)
    return {review.task_id, *reviews.store.record(review, task.data)}


def _deletions(reviews: ReviewsRoom, event: Event, kind: str) -> list[Unit]:
    """Delete the objects with a readable id, and refuse the others."""
    deleted = read_deleted(event.payload, kind)
    moments = dict.fromkeys(deleted.ids, event.received_at)

    def refuse() -> set[int]:
        raise PayloadError(f"{kind}s", "objects with an id", list(deleted.unreadable))

    units: list[Unit] = [lambda: set(reviews.store.delete(event.project_id, kind, moments))]
    return [*units, refuse] if deleted.unreadable else units


def _take_project(reviews: ReviewsRoom, event: Event) -> None:
    title, label_config = read_project_update(event.payload, event.project_id)
    if not reviews.events.is_overtaken(event):  # of one that was set aside
        reviews.studio.projects.save(event.project_id, title, label_config)
