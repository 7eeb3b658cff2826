"""Work on the events of a project: reviews are recorded and judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import chain
from typing import Any

from loop.errors import LoopError, PayloadError
from loop.failures import Fault, attempt
from loop.label_studio.label_config import LabelConfig, parse
from loop.label_studio.payloads import read_review, task_data
from loop.label_studio.webhook import CREATED, START_TRAINING
from loop.registry.follow import ask_refresh
from loop.reviews.event_store import Event
from loop.reviews.judging import judge_tasks
from loop.reviews.reading import reading_config
from loop.reviews.review_store import ANNOTATION, TASK
from loop.reviews.room import ReviewsRoom
from loop.storage.storable import is_id, is_text

MOST_NAMED = 5  # faults named of an event
Json = Mapping[str, Any]
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
        return [partial(_record, reviews, project_id, config, *pair) for pair in _annotations(payload)]
    if event.action == "ANNOTATIONS_DELETED":
        return _deletions(reviews, event, ANNOTATION, payload.get("annotations"))
    if event.action == "TASKS_DELETED":
        return _deletions(reviews, event, TASK, payload.get("tasks"))
    acts: dict[str, Callable[[], object]] = {
        "TASKS_CREATED": partial(ask_refresh, reviews.registry, project_id),
        "PROJECT_UPDATED": partial(_take_project, reviews, event),
        START_TRAINING: start_training,
    }
    return [partial(_changes_no_review, acts[event.action])] if event.action in acts else []


def _changes_no_review(act: Callable[[], object]) -> set[int]:
    act()
    return set()


def _record(reviews: ReviewsRoom, project_id: int, config: LabelConfig, annotation: object, task: Json) -> set[int]:
    found = read_review(annotation, config, project_id=project_id, task_id=task.get("id"))
    if found.project_id != project_id:  # each project has a secret of its own, which opens no other
        raise PayloadError("annotation project", str(project_id), found.project_id)
    return {found.task_id, *reviews.store.record(found, task_data(task))}


def _annotations(payload: Json) -> list[tuple[object, Json]]:
    """The annotations of an event, each with its task; a bulk event carries lists under the same singular keys."""
    annotation, task = payload.get("annotation"), payload.get("task")
    if isinstance(annotation, Mapping):
        return [(annotation, task if isinstance(task, Mapping) else {})]
    if isinstance(annotation, list):
        listed = task if isinstance(task, list) else []
        tasks = {one["id"]: one for one in listed if isinstance(one, Mapping) and is_id(one.get("id"))}
        ids = [one.get("task") if isinstance(one, Mapping) else None for one in annotation]
        return [(one, tasks.get(at, {}) if is_id(at) else {}) for one, at in zip(annotation, ids, strict=True)]
    raise PayloadError("annotation", "an annotation or a list of them", annotation)


def _deletions(reviews: ReviewsRoom, event: Event, kind: str, listed: object) -> list[Unit]:
    """Delete those that have a readable id, and refuse the others."""
    if not isinstance(listed, list):
        raise PayloadError(f"{kind}s", "a list of objects with an id", listed)
    right = [isinstance(one, Mapping) and is_id(one.get("id")) for one in listed]
    moments = {one["id"]: event.received_at for one, is_right in zip(listed, right, strict=True) if is_right}
    wrong = [one for one, is_right in zip(listed, right, strict=True) if not is_right]

    def refuse() -> set[int]:
        raise PayloadError(f"{kind}s", "objects with an id", wrong)

    return [lambda: set(reviews.store.delete(event.project_id, kind, moments)), *([refuse] if wrong else [])]


def _take_project(reviews: ReviewsRoom, event: Event) -> None:
    project = event.payload.get("project")
    if not isinstance(project, Mapping) or project.get("id") != event.project_id:
        raise PayloadError("project", f"the project {event.project_id}", project)
    label_config, title = project.get("label_config") or "", project.get("title") or ""
    try:
        parse(label_config)
    except LoopError as error:
        raise PayloadError("project label_config", "one that can be predicted for", str(error)) from error
    if not (is_text(title) and is_text(label_config)):
        raise PayloadError("project title", "text", title)
    if not reviews.events.is_overtaken(event):  # of one that was set aside
        reviews.studio.projects.save(event.project_id, title, label_config)
