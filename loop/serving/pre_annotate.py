"""From tasks as Label Studio sends them to the suggestion, the log entry and the answer for each."""

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
from loop.registry.loaded_version import LoadedVersion
from loop.serving.matching import MatchBatch, Matches
from loop.serving.predict import CHUNK, Suggestion, predict, suggest_nothing
from loop.serving.queue_order import AuditPolicy, audit_draw, audit_score
from loop.serving.room import ServingRoom
from loop.serving.store import AUDIT, QUEUE, LoggedPrediction
from loop.storage.storable import is_id

BATCH = 200  # tasks predicted, logged and stored at a time


@dataclass(frozen=True, slots=True)
class PredictionCounts:
    """
    How many tasks were predicted, or, where predictions are shown, stored.

    *broken* are the suggestions for tasks that could not be predicted. *refused* has, by task, the reason why Label
    Studio did not store a prediction.
    """

    done: int = 0
    broken: Sequence[Suggestion] = ()
    refused: Mapping[int, str] = field(default_factory=dict)


def suggest(
    tasks: Sequence[object], config: LabelConfig, served: LoadedVersion, serving: ServingRoom
) -> list[Suggestion]:
    """
    Return one suggestion for each task that Label Studio sends, in their order.

    A task that cannot be read or predicted gets an empty suggestion with the reason. Raises errors that lie outside of
    the tasks, such as memory that runs out.
    """
    read: list[Task | PayloadError] = [_read(task, config) for task in tasks]
    readable = [task for task in read if isinstance(task, Task)]
    suggestions = iter(_predict(readable, config, served, serving))
    threshold = served.thresholds.under(config).display
    return [
        next(suggestions)
        if isinstance(task, Task)
        else suggest_nothing(id_or_zero(json), served.version, threshold, str(task))
        for task, json in zip(read, tasks, strict=True)
    ]


def _predict(
    tasks: Sequence[Task], config: LabelConfig, served: LoadedVersion, serving: ServingRoom
) -> Iterator[Suggestion]:
    threshold = served.thresholds.under(config).display
    for start in range(0, len(tasks), CHUNK):
        batch = tasks[start : start + CHUNK]
        done = attempt_all(lambda chunk: list(predict(chunk, config, served, serving.vision.images)), batch)
        for task, result in zip(batch, done, strict=True):
            if isinstance(result, Fault):
                result.log(f"task {task.id}")
                yield suggest_nothing(task.id, served.version, threshold, result.error)
            else:
                yield result


def make_log_entries(
    serving: ServingRoom, suggestions: Sequence[Suggestion], project_id: int, *, execution: str
) -> list[LoggedPrediction]:
    """
    Return the log entries of the suggestions of one version.

    Audited tasks are placed among all tasks that the version predicted so far. Placed among the tasks of one request,
    the tasks of a hard import would be reviewed before the tasks of an easy import: the audit would not be random.
    """
    policy = serving.policy.audit
    is_any_audited = any(audit_draw(project_id, item.task_id, policy) is not None for item in suggestions)
    others = serving.predictions.queue_scores(project_id, suggestions[0].version) if is_any_audited else []
    return assign_streams(suggestions, project_id, policy, execution=execution, others=others)


def assign_streams(
    suggestions: Iterable[Suggestion],
    project_id: int,
    policy: AuditPolicy,
    *,
    execution: str,
    others: Sequence[float] = (),
) -> list[LoggedPrediction]:
    """
    Return the log entries of suggestions, each in its stream: queue or audit.

    The score of an audited task does not depend on its own confidences: it is the score of a queue task among the
    suggestions and *others*.
    """
    items = list(suggestions)
    draws = {item.task_id: audit_draw(project_id, item.task_id, policy) for item in items}
    queue_scores = [*others, *(item.score for item in items if draws[item.task_id] is None)]
    now = datetime.now(UTC)
    entries = []
    for item in items:
        draw = draws[item.task_id]
        entries.append(
            LoggedPrediction(
                project_id=project_id,
                task_id=item.task_id,
                image=item.image,
                version=item.version,
                regions=item.shown,
                candidates=item.hidden,
                threshold=item.threshold,
                score=item.score if draw is None else audit_score(draw, queue_scores),
                stream=QUEUE if draw is None else AUDIT,
                propensity=policy.share,
                served_at=now,
                execution=execution,
            )
        )
    return entries


def write_prediction(
    suggestion: Suggestion, entry: LoggedPrediction, config: LabelConfig, matched: Matches | None = None
) -> dict[str, Any]:
    """Write one prediction in Label Studio's form, with the matches of its regions where given."""
    result = write_result(suggestion.shown, config, suggestion.size)
    return {
        "model_version": suggestion.version,
        "score": entry.score,
        "result": matched.write_into(result, suggestion.version) if matched else result,
    }


def predict_all(
    serving: ServingRoom,
    project: Project,
    served: LoadedVersion,
    tasks: Sequence[dict[str, Any]],
    execution: str,
    *,
    is_shadow: bool = False,
    is_shown: bool = True,
    matching: MatchBatch | None = None,
) -> PredictionCounts:
    """
    Predict tasks with one version, log the predictions and, where *is_shown*, store them in Label Studio.

    Audited tasks come last, because they are placed among the scores of all others. *matching* returns the matches of a
    batch by task id; a task without matches is stored without. Raises UpstreamError, and DetectorBroken where the
    version detects on no image any more.
    """
    config = project.config().knowing(serving.studio.classes.book(project.id).synonyms())
    done, broken, refused = 0, list[Suggestion](), dict[int, str]()
    ordered = sorted(tasks, key=lambda task: audit_draw(project.id, id_or_zero(task), serving.policy.audit) is not None)
    for start in range(0, len(ordered), BATCH):
        suggestions = suggest(ordered[start : start + BATCH], config, served, serving)
        usable = [item for item in suggestions if item.error is None]
        broken += [item for item in suggestions if item.error]
        entries = make_log_entries(serving, usable, project.id, execution=execution)
        serving.predictions.append(
            [replace(entry, is_shadow=is_shadow) for entry in entries]
        )  # before anyone sees them
        matched = matching(usable) if matching and is_shown else {}
        rows = [
            {"task": item.task_id, **write_prediction(item, entry, config, matched.get(item.task_id))}
            for item, entry in zip(usable, entries, strict=True)
        ]
        try:
            done += serving.studio.client.store_predictions(project.id, rows) if is_shown else len(rows)
        except NotStored as error:
            done += error.stored
            refused |= error.reasons
    return PredictionCounts(done, broken, refused)


def has_prediction(task: Mapping[str, Any], version: str) -> bool:
    """Whether Label Studio stores a prediction of a version for a task."""
    return bool(predictions_of(task, version))


def id_or_zero(task: object) -> int:
    """Return the id of a task as Label Studio sends it; 0 where it cannot be read."""
    task_id = task.get("id") if isinstance(task, Mapping) else None
    return task_id if is_id(task_id) else 0


def _read(task: object, config: LabelConfig) -> Task | PayloadError:
    try:
        return read_task(task, config.image_key)
    except PayloadError as error:
        return error
