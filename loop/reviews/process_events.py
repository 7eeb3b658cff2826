"""Process the events of a project: record reviews and judge them."""

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
    asks_for_several,
    read_annotations,
    read_deleted,
    read_project_update,
)
from loop.registry.follow import ask_refresh
from loop.reviews.event_store import ReceivedEvent
from loop.reviews.judging import judge_tasks
from loop.reviews.room import ReviewsRoom
from loop.reviews.standing import ANNOTATION, TASK
from loop.storage.actor import LABEL_STUDIO, acting_as

MOST_NAMED = 5  # faults in the error of one event
Unit = Callable[[], set[int]]  # returns the tasks whose verdicts it may change


def review(reviews: ReviewsRoom, project_id: int, start_training: Callable[[], object]) -> str:
    """
    Process all pending events. Doing this twice, or in another order, gives the same state.

    An event that cannot be processed completely is set aside with the reason, after the rest of it is processed.
    *start_training* is called for the event of that button, before the event is marked as processed. Raises
    UnknownProject, and errors from outside the events, such as locked records.
    """
    reviews.studio.projects.get(project_id)  # the events of a project that is not connected stay pending
    reviews.events.take_over()
    processed = set_aside = 0
    while events := reviews.events.pending(project_id):
        touched, errors = set[int](), dict[int, str]()
        for event in events:
            task_ids, faults = _process(reviews, event, start_training)
            touched |= task_ids
            if faults:
                errors[event.id] = "; ".join(fault.error for fault in faults[:MOST_NAMED])
        judge_tasks(reviews, project_id, touched)
        for event_id, error in errors.items():
            reviews.events.mark_processed([event_id], error=error)
        reviews.events.mark_processed([event.id for event in events if event.id not in errors])
        processed, set_aside = processed + len(events), set_aside + len(errors)
    suffix = f", {set_aside} set aside: see `loop events`" if set_aside else ""
    return f"{processed} events{suffix}"


def _process(
    reviews: ReviewsRoom, event: ReceivedEvent, start_training: Callable[[], object]
) -> tuple[set[int], list[Fault]]:
    """Process one event; return the tasks whose verdicts it may change, and a fault for each part that failed."""
    units = attempt(lambda: _split(reviews, event, start_training))
    results = [attempt(unit) for unit in units] if not isinstance(units, Fault) else [units]
    faults = [result for result in results if isinstance(result, Fault)]
    for fault in faults:
        fault.log(f"project {event.project_id} event {event.id}")
    return set(chain.from_iterable(ids for ids in results if not isinstance(ids, Fault))), faults


def _split(reviews: ReviewsRoom, event: ReceivedEvent, start_training: Callable[[], object]) -> list[Unit]:
    """Split an event into units of work, each of which can fail by itself. Raises PayloadError."""
    payload, project_id = event.payload, event.project_id
    if event.action in CREATED:
        config = reviews.reading_config(project_id)
        return [partial(_record, reviews, project_id, config, *pair) for pair in read_annotations(payload)]
    if event.action == ANNOTATIONS_DELETED:
        return _split_deletion(reviews, event, ANNOTATION)
    if event.action == TASKS_DELETED:
        return _split_deletion(reviews, event, TASK)
    actions: dict[str, Callable[[], object]] = {
        TASKS_CREATED: partial(ask_refresh, reviews.registry, project_id),
        PROJECT_UPDATED: partial(_save_project, reviews, event),
        START_TRAINING: start_training,
    }
    return [partial(_run, actions[event.action])] if event.action in actions else []


def _run(action: Callable[[], object]) -> set[int]:
    """Run an action that changes no review."""
    action()
    return set()


def _record(
    reviews: ReviewsRoom, project_id: int, config: LabelConfig, annotation: Annotation, task: StoredTask
) -> set[int]:
    review = annotation.read(config, project_id=project_id, task_id=task.id or None)
    if review.project_id != project_id:  # the webhook secret of a project is valid for that project only
        raise PayloadError("annotation project", str(project_id), review.project_id)
    return {review.task_id, *reviews.store.record(review, task.data)}


def _split_deletion(reviews: ReviewsRoom, event: ReceivedEvent, kind: str) -> list[Unit]:
    """Return a unit that deletes the objects with a readable id, and one that refuses the others."""
    deleted = read_deleted(event.payload, kind)
    moments = dict.fromkeys(deleted.ids, event.received_at)

    def refuse() -> set[int]:
        raise PayloadError(f"{kind}s", "objects with an id", list(deleted.unreadable))

    units: list[Unit] = [lambda: set(reviews.store.delete(event.project_id, kind, moments))]
    return [*units, refuse] if deleted.unreadable else units


def _save_project(reviews: ReviewsRoom, event: ReceivedEvent) -> None:
    """
    Save a changed project, and have its open tasks predicted as its label config says now.

    Where it asks for several annotations, reviewed tasks may be open again, unpredicted.
    """
    title, label_config = read_project_update(event.payload, event.project_id)
    is_changed = False
    if not reviews.events.is_overtaken(event):  # an event that was set aside is processed after later ones
        with acting_as(LABEL_STUDIO):
            is_changed = reviews.studio.projects.save(event.project_id, title, label_config, f"event {event.id}")
    if is_changed or asks_for_several(event.payload):
        ask_refresh(reviews.registry, event.project_id)
