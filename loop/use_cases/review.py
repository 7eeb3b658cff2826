"""Work on the events of a project: reviews are recorded, judged, and ask for a training when there are enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from loop.adapters.event_log import Event
from loop.adapters.prediction_log import LoggedPrediction
from loop.adapters.review_log import ANNOTATION, TASK
from loop.adapters.training_log import State
from loop.decisions.label_config import parse
from loop.decisions.ls_format import Review, read_review, task_data
from loop.decisions.notices import Kind
from loop.decisions.trial import judge_by_overlap
from loop.decisions.verdicts import Verdict, judge, seen_by_reviewer, shares_an_id
from loop.errors import LoopError, PayloadError, UpstreamError
from loop.parts import Parts
from loop.use_cases import index, refresh

CREATED = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED")
START_TRAINING = "START_TRAINING"


def review(parts: Parts, project_id: int) -> str:
    """Work on all pending events. Doing so twice, or in another order, ends in the same state."""
    worked = 0
    while events := parts.events.pending(project_id):
        touched: set[int] = set()
        read: list[int] = []
        for event in events:
            try:
                touched |= _applied(parts, event)
            except PayloadError as error:  # the event stays in the log with what is wrong with it
                parts.events.done([event.id], error=str(error))
            else:
                read.append(event.id)
        judge_tasks(parts, project_id, touched)
        parts.events.done(read)
        worked += len(events)
    asked = ask_when_due(parts, project_id)
    return f"{worked} events{', training asked for' if asked else ''}"


def ask_when_due(parts: Parts, project_id: int) -> bool:
    """Ask for a training where the project's policy calls for one now; return whether one was asked for."""
    if parts.trainings.open(project_id):  # asked first: one that ends has told before which reviews it has seen
        return False
    project = parts.projects.get(project_id)
    policy = parts.policies.retrain.of(project.policy)
    new = parts.reviews.new_since(project_id, project.reviews_seen_at)
    if new < policy.retrain_after:
        return False
    last = next(iter(parts.trainings.last(project_id)), None)
    ended_at = last.ended_at if last else None
    since_last = (datetime.now(UTC) - ended_at).total_seconds() if ended_at else None
    is_cancelled = last is not None and last.state == State.CANCELLED
    since_cancelled = parts.reviews.new_since(project_id, ended_at) if is_cancelled else None
    if not policy.is_due(new=new, since_last=since_last, since_cancelled=since_cancelled):
        return False
    ask_training(parts, project_id, f"{new} new reviews")
    return True


def ask_training(parts: Parts, project_id: int, asked_by: str) -> None:
    """Open a training, or join the one that is open, and see that a job runs it."""
    parts.trainings.ask(project_id, asked_by)
    parts.queue.ask_retrain(project_id)


def judge_tasks(parts: Parts, project_id: int, task_ids: Iterable[int]) -> None:
    """Derive the verdicts of tasks anew from the review that counts and the prediction it was made on."""
    ids = list(task_ids)
    counted = parts.reviews.counted(project_id, ids)
    image_key = parts.projects.get(project_id).config().image_key
    for task_id in ids:
        standing = counted.get(task_id)
        seen = _seen_by(parts, standing.review, standing.image(image_key)) if standing else None
        if standing is None or seen is None:
            parts.verdicts.replace(project_id, task_id, None)
            verdicts = list[Verdict]()
        else:
            verdicts = judge(seen.regions, standing.review.regions)
            shadows = _judged_shadows(parts, standing.review, seen.image)
            parts.verdicts.replace(project_id, task_id, (standing.review, seen, verdicts), *shadows)
        if standing:
            _tell(parts, standing.review, seen, verdicts)
    if ids:
        index.ask(parts, project_id)


def _tell(parts: Parts, review: Review, seen: LoggedPrediction | None, verdicts: Sequence[Verdict]) -> None:
    """Have others told of a review that counts, once for each state it is in."""
    said = {
        "task": review.task_id,
        "annotation": review.id,
        "annotator": review.annotator,
        "reviewed_at": review.updated_at.isoformat(),
        "regions": len(review.regions),
        "version": seen.version if seen else None,
        "verdicts": dict(Counter(one.decision.value for one in verdicts)),
    }
    parts.outbox.post(review.project_id, Kind.REVIEW_RECORDED, f"{review.id}:{review.updated_at.isoformat()}", said)


def _judged_shadows(parts: Parts, review: Review, image: str) -> list[tuple[Review, LoggedPrediction, list[Verdict]]]:
    """What the versions that answered beside the champion would have got; nobody saw them, so only overlap tells."""
    said = parts.predictions.of_task(review.project_id, review.task_id, is_shadow=True)
    newest = {one.version: one for one in said if one.image == image}
    return [(review, one, judge_by_overlap(one.regions, review.regions)) for one in newest.values()]


def _seen_by(parts: Parts, review: Review, image: str | None) -> LoggedPrediction | None:
    """The prediction of the task's *image* that the reviewer had in front of them, if any."""
    served = parts.predictions.of_task(review.project_id, review.task_id)
    if image:  # another image under the same id was another task, or was replaced
        served = [one for one in served if one.image == image]
    if len({one.version for one in served}) > 1 and not shares_an_id(review.regions, [one.regions for one in served]):
        version = _parent_version(parts, review)
        served = [one for one in served if one.version == version] or served
    known = [(one.served_at.timestamp(), one.regions) for one in served]
    index = seen_by_reviewer(review.regions, review.began_at, known)
    if index is None and review.parent_prediction is not None and served:
        index = 0  # Label Studio says that there was one, so the clocks of the two machines differ
    return None if index is None else served[index]


def _parent_version(parts: Parts, review: Review) -> str | None:
    """The version that Label Studio says an annotation was made from; it forgets when the prediction is deleted."""
    if review.parent_prediction is None:
        return None
    try:
        return str(parts.label_studio.prediction(review.parent_prediction).get("model_version"))
    except UpstreamError:
        return None


def _applied(parts: Parts, event: Event) -> set[int]:
    """Apply one event; return the tasks whose verdicts it may change. Raises PayloadError."""
    payload, project_id = event.payload, event.project_id
    if event.action in CREATED:
        return set(chain.from_iterable(_record(parts, project_id, *pair) for pair in _annotations(payload)))
    if event.action == "ANNOTATIONS_DELETED":
        gone = dict.fromkeys(_ids(payload, "annotations"), event.received_at)
        return set(parts.reviews.delete(project_id, ANNOTATION, gone))
    if event.action == "TASKS_DELETED":
        gone = dict.fromkeys(_ids(payload, "tasks"), event.received_at)
        return set(parts.reviews.delete(project_id, TASK, gone))
    if event.action == "TASKS_CREATED":
        refresh.ask(parts, project_id)
    elif event.action == "PROJECT_UPDATED":
        _take_project(parts, project_id, payload.get("project"))
    elif event.action == START_TRAINING:
        ask_training(parts, project_id, "Start Training in Label Studio")
    return set()


def _record(parts: Parts, project_id: int, annotation: Mapping[str, Any], task: Mapping[str, Any]) -> set[int]:
    found = read_review(annotation, project_id=project_id, task_id=task.get("id"))
    if found.project_id != project_id:  # each project has a secret of its own, which opens no other
        raise PayloadError("annotation project", str(project_id), found.project_id)
    return {found.task_id, *parts.reviews.record(found, task_data(task))}


def _annotations(payload: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The annotations of an event, each with its task; a bulk event carries lists under the same singular keys."""
    annotation, task = payload.get("annotation"), payload.get("task")
    if isinstance(annotation, Mapping):
        return [(annotation, task if isinstance(task, Mapping) else {})]
    if isinstance(annotation, list):
        tasks = {one["id"]: one for one in task or [] if isinstance(one, Mapping) and "id" in one}
        return [(one, tasks.get(one.get("task"), {})) for one in annotation if isinstance(one, Mapping)]
    raise PayloadError("annotation", "an annotation or a list of them", annotation)


def _ids(payload: Mapping[str, Any], key: str) -> list[int]:
    found = payload.get(key)
    if not isinstance(found, list):
        raise PayloadError(key, "a list of objects with an id", found)
    return [int(one["id"]) for one in found if isinstance(one, Mapping) and isinstance(one.get("id"), int)]


def _take_project(parts: Parts, project_id: int, project: object) -> None:
    if not isinstance(project, Mapping) or project.get("id") != project_id:
        raise PayloadError("project", f"the project {project_id}", project)
    label_config = str(project.get("label_config") or "")
    try:
        parse(label_config)
    except LoopError as error:
        raise PayloadError("project label_config", "one that can be predicted for", str(error)) from error
    parts.projects.save(project_id, str(project.get("title") or ""), label_config)
