"""Tasks as Label Studio sends them to what is suggested, logged and answered for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from loop.errors import NotStored, PayloadError
from loop.failures import Fault, attempt_all
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.payloads import Task, predictions_of, read_task
from loop.label_studio.projects import Project
from loop.label_studio.result_format import write_result
from loop.registry.served import Served
from loop.serving.matching import MatchBatch, Matches
from loop.serving.predict import CHUNK, Suggestion, predict, unreadable
from loop.serving.priority import AuditPolicy, audit_draw, audit_score
from loop.serving.room import ServingRoom
from loop.serving.store import AUDIT, QUEUE, LoggedPrediction
from loop.storage.storable import is_id

BATCH = 200  # tasks predicted, logged and stored at a time


@dataclass(frozen=True, slots=True)
class Predicted:
    """
    How many tasks were predicted, or, where they are shown, stored.

    *broken* are the suggestions for tasks that could not be predicted; *refused* says by task why Label Studio did not
    store a prediction.
    """

    done: int = 0
    broken: Sequence[Suggestion] = ()
    refused: Mapping[int, str] = field(default_factory=dict)


def suggest(tasks: Sequence[object], config: LabelConfig, served: Served, serving: ServingRoom) -> list[Suggestion]:
    """
    One suggestion a task as Label Studio sends it, in their order.

    A task that cannot be read or predicted gets an empty one with the reason. Raises what lies outside of the tasks,
    such as memory that runs out.
    """
    read: list[Task | PayloadError] = [_read(task, config) for task in tasks]
    good = [task for task in read if isinstance(task, Task)]
    found = iter(_predicted(good, config, served, serving))
    threshold = served.thresholds.under(config).display
    return [
        next(found) if isinstance(task, Task) else unreadable(id_or_zero(json), served.version, threshold, str(task))
        for task, json in zip(read, tasks, strict=True)
    ]


def _predicted(
    tasks: Sequence[Task], config: LabelConfig, served: Served, serving: ServingRoom
) -> Iterator[Suggestion]:
    threshold = served.thresholds.under(config).display
    for start in range(0, len(tasks), CHUNK):
        some = tasks[start : start + CHUNK]
        done = attempt_all(lambda chunk: list(predict(chunk, config, served, serving.vision.images)), some)
        for task, one in zip(some, done, strict=True):
            if isinstance(one, Fault):
                one.log(f"task {task.id}")
            yield unreadable(task.id, served.version, threshold, one.error) if isinstance(one, Fault) else one


def to_log(
    serving: ServingRoom, suggestions: Sequence[Suggestion], project_id: int, *, execution: str
) -> list[LoggedPrediction]:
    """
    What is logged of suggestions of one version.

    Those in the audit are placed among all that the version predicted so far: placed among those of one request, the
    audited tasks of a hard import would be reviewed before those of an easy one, and the audit would not be random.
    """
    policy = serving.policy.audit
    is_any_audited = any(audit_draw(project_id, one.task_id, policy) is not None for one in suggestions)
    others = serving.predictions.queue_scores(project_id, suggestions[0].version) if is_any_audited else []
    return with_audit(suggestions, project_id, policy, execution=execution, others=others)


def with_audit(
    suggestions: Iterable[Suggestion],
    project_id: int,
    policy: AuditPolicy,
    *,
    execution: str,
    others: Sequence[float] = (),
) -> list[LoggedPrediction]:
    """
    What is logged of suggestions: those in the audit get a score that their own confidences have no part in.

    It is one of the scores of the queue's tasks among the suggestions and of *others*.
    """
    known = list(suggestions)
    draws = {one.task_id: audit_draw(project_id, one.task_id, policy) for one in known}
    queue_scores = [*others, *(one.score for one in known if draws[one.task_id] is None)]
    now = datetime.now(UTC)
    logged = []
    for one in known:
        draw = draws[one.task_id]
        logged.append(
            LoggedPrediction(
                project_id=project_id,
                task_id=one.task_id,
                image=one.image,
                version=one.version,
                regions=one.shown,
                candidates=one.hidden,
                threshold=one.threshold,
                score=one.score if draw is None else audit_score(draw, queue_scores),
                stream=QUEUE if draw is None else AUDIT,
                propensity=policy.share,
                served_at=now,
                execution=execution,
            )
        )
    return logged


def as_result(
    suggestion: Suggestion, logged: LoggedPrediction, config: LabelConfig, matched: Matches | None = None
) -> dict[str, Any]:
    """One prediction as Label Studio takes it from a backend, with what its regions were *matched* to where given."""
    result = write_result(suggestion.shown, config, suggestion.size)
    return {
        "model_version": suggestion.version,
        "score": logged.score,
        "result": matched.write_into(result, suggestion.version) if matched else result,
    }


def predict_all(
    serving: ServingRoom,
    project: Project,
    served: Served,
    tasks: Sequence[dict[str, Any]],
    execution: str,
    *,
    is_shadow: bool = False,
    is_shown: bool = True,
    matching: MatchBatch | None = None,
) -> Predicted:
    """
    Predict tasks by one version, log what it says and, where it *is_shown*, store it in Label Studio.

    The audited ones come last, when there are the scores of all others to be placed among. *matching* is asked, a batch
    at a time, what the regions are matched to, by the tasks' ids; a task that it leaves out is stored without.
    Raises UpstreamError, and DetectorBroken where the version detects on no image any more.
    """
    config = project.config().knowing(serving.studio.classes.book(project.id).synonyms())
    done, broken, refused = 0, list[Suggestion](), dict[int, str]()
    ordered = sorted(tasks, key=lambda task: audit_draw(project.id, id_or_zero(task), serving.policy.audit) is not None)
    for start in range(0, len(ordered), BATCH):
        suggestions = suggest(ordered[start : start + BATCH], config, served, serving)
        usable = [one for one in suggestions if one.error is None]
        broken += [one for one in suggestions if one.error]
        logged = to_log(serving, usable, project.id, execution=execution)
        serving.predictions.append([replace(one, is_shadow=is_shadow) for one in logged])  # before anybody can see them
        matched = matching(usable) if matching and is_shown else {}
        rows = [
            {"task": one.task_id, **as_result(one, kept, config, matched.get(one.task_id))}
            for one, kept in zip(usable, logged, strict=True)
        ]
        try:
            done += serving.studio.client.store_predictions(project.id, rows) if is_shown else len(rows)
        except NotStored as error:
            done += error.stored
            refused |= error.reasons
    return Predicted(done, broken, refused)


def has(task: Mapping[str, Any], version: str) -> bool:
    """Whether Label Studio stores a prediction of that version for a task."""
    return bool(predictions_of(task, version))


def id_or_zero(task: object) -> int:
    """The id of a task as it is sent; 0 where it has none that can be read."""
    task_id = task.get("id") if isinstance(task, Mapping) else None
    return task_id if is_id(task_id) else 0


def _read(task: object, config: LabelConfig) -> Task | PayloadError:
    try:
        return read_task(task, config.image_key)
    except PayloadError as error:
        return error
