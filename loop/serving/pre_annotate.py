"""Pre-annotates tasks: from a task as Label Studio sends it to its suggestion, its log entry and its answer."""

from __future__ import annotations

import math
import uuid
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from loop.draws import draw_number
from loop.errors import PayloadError
from loop.failures import Fault, attempt_all
from loop.label_studio.classes import fit_classes
from loop.label_studio.label_config import LabelConfig
from loop.label_studio.match_control import write_notes
from loop.label_studio.payloads import Task
from loop.label_studio.prediction_import import NewPrediction
from loop.label_studio.result_format import write_result
from loop.label_studio.tasks import StoredTask
from loop.registry.loaded_version import LoadedVersion
from loop.serving.matching import MatchBatch, VoteBatch, vote_for_nothing
from loop.serving.predict import Suggestion, predict, suggest_nothing
from loop.serving.queue_order import AuditPolicy, Ranking, audit_draw, audit_score
from loop.serving.reference_labels import give_labels, list_voted
from loop.serving.room import ServingRoom
from loop.serving.store import AUDIT, KNOWN, QUEUE, LoggedPrediction

CHUNK = 256  # tasks that are tried again, each alone, where one of them fails in an unforeseen way


@dataclass(frozen=True, slots=True)
class PredictionRun:
    """
    The request or job that tasks are predicted for.

    *execution* names it in the log; None: by a name of its own. Tasks that are not begun by the *deadline*, a moment of
    the monotonic clock, get empty pre-annotations. What the log has from before *since* does not count.
    """

    execution: str | None = None
    is_shadow: bool = False
    deadline: float = math.inf
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class PreAnnotation:
    """The suggestion for one task, and the prediction that Label Studio gets: with its score in the queue."""

    suggestion: Suggestion
    prediction: NewPrediction

    def as_answer(self) -> dict[str, Any] | list[dict[str, Any]]:
        """Write it as the ML backend's `/predict` answers it: an empty list, which is not stored, where it is late."""
        return [] if self.suggestion.is_late else self.prediction.as_answer()


def pre_annotate(
    serving: ServingRoom,
    project_id: int,
    config: LabelConfig,
    served: LoadedVersion,
    tasks: Sequence[StoredTask],
    *,
    match: MatchBatch,
    vote: VoteBatch = vote_for_nothing,
    run: PredictionRun = PredictionRun(),
) -> list[PreAnnotation]:
    """
    Predict tasks with one version: one pre-annotation for each, in their order, logged before anyone sees it.

    A task that cannot be read or predicted gets an empty one with the error, and is not logged; without a detector
    nothing is logged. *match* returns the matches of suggestions by task, *vote* the votes of the references for labels
    that no class of the version is. Raises DetectorBroken where the version detects on no image any more.
    """
    suggested = suggest(tasks, config, served, serving, run.deadline)
    suggestions = rank(serving.ranking, project_id, label_by_references(suggested, config, served, vote))
    entries = make_log_entries(serving, suggestions, project_id, execution=run.execution or str(uuid.uuid4()))
    pairs = list(zip(suggestions, entries, strict=True))
    if served.detector is not None:
        logged = [entry for suggestion, entry in pairs if suggestion.error is None]
        serving.predictions.append([replace(entry, is_shadow=run.is_shadow) for entry in logged], run.since)
    matches = match([suggestion for suggestion in suggestions if suggestion.error is None])
    answers = []
    for suggestion, entry in pairs:
        result = write_notes(write_result(suggestion.shown, config, suggestion.size), suggestion.notes())
        matched = matches.get(suggestion.task_id)
        result = matched.write_into(result, suggestion.version) if matched else result
        score = None if suggestion.says_nothing else entry.score
        prediction = NewPrediction(suggestion.task_id, suggestion.version, score, result)
        answers.append(PreAnnotation(suggestion, prediction))
    return answers


def label_by_references(
    suggestions: Sequence[Suggestion], config: LabelConfig, served: LoadedVersion, vote: VoteBatch
) -> list[Suggestion]:
    """Give boxes the labels that no class of the version is, where the references know them."""
    labels = fit_classes(config, served.detector.class_names).labels if served.detector else ()
    votes = vote(labels, [each for each in suggestions if list_voted(each)]) if labels else {}
    return [give_labels(each, votes.get(each.task_id, {}), config) for each in suggestions]


def rank(ranking: Ranking, project_id: int, suggestions: Iterable[Suggestion]) -> list[Suggestion]:
    """Give each suggestion its score in the queue, from all its boxes, shown or held back."""
    return [
        replace(
            each,
            score=ranking.score(project_id, each.task_id, each.version, (*each.shown, *each.hidden), each.threshold),
        )
        for each in suggestions
    ]


def suggest(
    tasks: Sequence[StoredTask],
    config: LabelConfig,
    served: LoadedVersion,
    serving: ServingRoom,
    deadline: float = math.inf,
) -> list[Suggestion]:
    """
    Return one suggestion for each task, in their order.

    A task that cannot be read or predicted gets an empty suggestion with the reason. Raises errors that lie outside of
    the tasks, such as memory that runs out.
    """
    read: list[Task | PayloadError] = [_read(task, config) for task in tasks]
    readable = [task for task in read if isinstance(task, Task)]
    suggestions = iter(_predict(readable, config, served, serving, deadline))
    threshold = served.thresholds.under(config).display
    return [
        next(suggestions)
        if isinstance(task, Task)
        else suggest_nothing(stored.id, served.version, threshold, str(task))
        for task, stored in zip(read, tasks, strict=True)
    ]


def _predict(
    tasks: Sequence[Task], config: LabelConfig, served: LoadedVersion, serving: ServingRoom, deadline: float
) -> Iterator[Suggestion]:
    threshold = served.thresholds.under(config).display
    images = serving.vision.images
    for start in range(0, len(tasks), CHUNK):
        batch = tasks[start : start + CHUNK]
        done = attempt_all(lambda chunk: list(predict(chunk, config, served, images, deadline)), batch)
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
    Return the log entries of the suggestions of one version, also of those with an error, which are not logged.

    Audited tasks are placed among all tasks that the version predicted so far. Placed among the tasks of one request,
    the tasks of a hard import would be reviewed before the tasks of an easy import: the audit would not be random.
    A task that the version was trained on, as where several people annotate it, keeps its place and counts as known.
    """
    policy, task_ids = serving.policy.audit, [item.task_id for item in suggestions]
    known = serving.groups.find_known(project_id, task_ids)
    learnt = serving.groups.find_learnt(project_id, suggestions[0].version, task_ids) if suggestions else ()
    is_any_drawn = known or any(audit_draw(project_id, item.task_id, policy) is not None for item in suggestions)
    others = serving.predictions.queue_scores(project_id, suggestions[0].version) if is_any_drawn else []
    entries = assign_streams(suggestions, project_id, policy, execution=execution, others=others, known=known)
    return [replace(entry, stream=KNOWN) if entry.task_id in learnt else entry for entry in entries]


def assign_streams(
    suggestions: Iterable[Suggestion],
    project_id: int,
    policy: AuditPolicy,
    *,
    execution: str,
    others: Sequence[float] = (),
    known: Collection[int] = (),
) -> list[LoggedPrediction]:
    """
    Return the log entries of suggestions, each in its stream: queue or audit, or *known* where it has a known answer.

    The score of an audited or known task does not depend on it: it is that of a suggestion or one of the *others*.
    """
    items = list(suggestions)
    draws = {item.task_id: _draw_place(project_id, item.task_id, policy, known) for item in items}
    queue_scores = [*others, *(item.score for item in items if draws[item.task_id] is None and item.error is None)]
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
                foreign=item.foreign,
                size=item.size,
                threshold=item.threshold,
                score=item.score if draw is None else audit_score(draw, queue_scores),
                stream=KNOWN if item.task_id in known else QUEUE if draw is None else AUDIT,
                propensity=policy.share,
                served_at=now,
                execution=execution,
            )
        )
    return entries


def _draw_place(project_id: int, task_id: int, policy: AuditPolicy, known: Collection[int]) -> float | None:
    """Return the draw of a task that has a place regardless of its score, None for any other."""
    is_known = task_id in known
    return draw_number("known answer", project_id, task_id) if is_known else audit_draw(project_id, task_id, policy)


def _read(task: StoredTask, config: LabelConfig) -> Task | PayloadError:
    try:
        return task.read(config.image_key)
    except PayloadError as error:
        return error
