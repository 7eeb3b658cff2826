"""Predict the open tasks of a project by its champion, and let Label Studio serve them in the order of doubt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from loop import index
from loop.errors import PayloadError, UpstreamError
from loop.label_config import LabelConfig
from loop.ls_format import Task, read_task, write_result
from loop.parts import Parts
from loop.predict import Served, Suggestion, predict, unreadable
from loop.prediction_log import AUDIT, QUEUE, LoggedPrediction
from loop.priority import AuditPolicy, audit_draw, audit_score
from loop.project_list import Project

BATCH = 200  # tasks predicted, logged and stored at a time
MOST_NAMED = 10  # broken tasks named in a job's line


def refresh(parts: Parts, project_id: int) -> str:
    """
    Store the champion's predictions for every open task that lacks them, then make the queue follow them.

    Done twice it stores nothing twice: what Label Studio already has from this version is left out.
    """
    project = parts.projects.get(project_id)
    champion = parts.registry.champion(project_id)
    if champion is None:
        parts.projects.refreshed(project, "")
        return "nothing to predict with yet"
    waiting = [task for task in parts.label_studio.unreviewed_tasks(project_id) if not has(task, champion.name)]
    stored, broken = _store(parts, project, parts.load(champion), waiting) if waiting else (0, [])
    parts.projects.refreshed(project, champion.name)
    index.ask(parts, project_id)
    line = f"{champion.name}: {stored} of {len(waiting)} open tasks predicted; {follow(parts, project_id)}"
    return "; ".join([line, *(f"task {one.task_id}: {one.error}" for one in broken[:MOST_NAMED])])


def ask(parts: Parts, project_id: int) -> None:
    """Ask that the open tasks of a project be predicted; the sweep asks again where the job is lost."""
    parts.projects.ask_refresh(project_id)
    with suppress(UpstreamError):
        parts.queue.ask_refresh(project_id)


def is_due(parts: Parts, project: Project) -> bool:
    """Whether open tasks wait for the champion."""
    champion = parts.registry.champion(project.id)
    answered_by = champion.name if champion else ""
    return project.refresh_asked != project.refresh_done or project.refreshed_version != answered_by


def follow(parts: Parts, project_id: int) -> str:
    """Set the project's model_version to the champion: only then the label stream is ordered by its scores."""
    champion = parts.registry.champion(project_id)
    client = parts.label_studio
    if champion is None or client.project(project_id).get("model_version") == champion.name:
        return "model_version unchanged"
    try:
        client.update_project(project_id, model_version=champion.name)
    except UpstreamError as error:  # Label Studio takes a version only where a prediction of it is stored
        return f"model_version not set to {champion.name} yet: {error}"
    return f"model_version set to {champion.name}"


def suggest(tasks: Sequence[dict[str, Any]], config: LabelConfig, served: Served, parts: Parts) -> list[Suggestion]:
    """One suggestion a task as Label Studio sends it, in their order; one that cannot be read gets an empty one."""
    read: list[Task | PayloadError] = [_read(task, config) for task in tasks]
    good = [task for task in read if isinstance(task, Task)]
    found = iter(predict(good, config, served, parts.images, parts.policies.thresholds))
    threshold = parts.policies.thresholds.under(config).display
    return [
        next(found) if isinstance(task, Task) else unreadable(_id(json), served.version, threshold, str(task))
        for task, json in zip(read, tasks, strict=True)
    ]


def with_audit(suggestions: Iterable[Suggestion], project_id: int, policy: AuditPolicy) -> list[LoggedPrediction]:
    """What is logged of suggestions: those in the audit get a score that their own confidences have no part in."""
    known = list(suggestions)
    draws = {one.task_id: audit_draw(project_id, one.task_id, policy) for one in known}
    queue_scores = [one.score for one in known if draws[one.task_id] is None]
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
            )
        )
    return logged


def as_result(suggestion: Suggestion, logged: LoggedPrediction, config: LabelConfig) -> dict[str, Any]:
    """One prediction as Label Studio takes it from a backend."""
    return {
        "model_version": suggestion.version,
        "score": logged.score,
        "result": write_result(suggestion.shown, config, suggestion.size),
    }


def _store(
    parts: Parts, project: Project, served: Served, waiting: Sequence[dict[str, Any]]
) -> tuple[int, list[Suggestion]]:
    config, stored, broken = project.config(), 0, []
    for start in range(0, len(waiting), BATCH):
        suggestions = suggest(waiting[start : start + BATCH], config, served, parts)
        usable = [one for one in suggestions if one.error is None]
        broken += [one for one in suggestions if one.error]
        logged = with_audit(usable, project.id, parts.policies.audit)
        parts.predictions.append(logged)  # before anybody can see them
        rows = [{"task": one.task_id, **as_result(one, kept, config)} for one, kept in zip(usable, logged, strict=True)]
        stored += parts.label_studio.store_predictions(project.id, rows)
    return stored, broken


def _id(task: dict[str, Any]) -> int:
    return task["id"] if isinstance(task.get("id"), int) else 0


def has(task: dict[str, Any], version: str) -> bool:
    """Whether Label Studio stores a prediction of that version for a task."""
    return any(prediction.get("model_version") == version for prediction in task.get("predictions") or [])


def _read(task: dict[str, Any], config: LabelConfig) -> Task | PayloadError:
    try:
        return read_task(task, config.image_key)
    except PayloadError as error:
        return error
