"""Predicts the open tasks of a project with its champion, and makes Label Studio serve the least certain first."""

from __future__ import annotations

import logging
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain

from loop.errors import NotStored, UpstreamError
from loop.job_queue.progress import JobProgress
from loop.label_studio.projects import Project
from loop.registry.follow import follow
from loop.registry.store import Version
from loop.serving import shadow
from loop.serving.retire import retire
from loop.serving.room import ServingRoom
from loop.serving.store_predictions import Batches, PredictionCounts
from loop.serving.waiting_tasks import WaitingTasks
from loop.serving.write_groups import write_groups

log = logging.getLogger(__name__)

MOST_NAMED = 10  # broken tasks in the line of the job
TURN = timedelta(seconds=60)  # that a run works at least before it gives way
PATIENCE = timedelta(seconds=20)  # that other jobs wait before a run gives way


class _Run:
    """One run over the open tasks, from batch to batch; *stopped* says why it ended before it was done."""

    def __init__(self, serving: ServingRoom, project: Project, version: str) -> None:
        self._serving, self._project, self._version = serving, project, version
        client = serving.studio.client
        self.total = client.count_open(project.id) - client.count_open(project.id, version)
        self.counts, self.stopped = PredictionCounts(), ""
        self._began, self._is_first = time.monotonic(), True

    def may_go_on(self) -> bool:
        """Whether the version still serves, and no other job has waited for long."""
        if not self.stopped:
            self.stopped = self._find_stop()
        return not self.stopped

    def still_serves(self) -> bool:
        """Whether no other version was promoted meanwhile."""
        champion = self._serving.registry.versions.champion(self._project.id)
        return champion is not None and champion.name == self._version

    def note(self, counts: PredictionCounts) -> None:
        """Report the progress, and make the queue follow after the first batch."""
        self.counts += counts
        done, queue = self.counts.tried, self._serving.registry.queue
        progress = JobProgress(done, max(0, self.total - done), done / max(time.monotonic() - self._began, 1e-3))
        if counts.tried:
            log.info("project %d: %s on the open tasks: %s", self._project.id, self._version, progress.line)
        is_over = not self.may_go_on()
        queue.note_progress(f"refresh-{self._project.id}", replace(progress, left=0) if is_over else progress)
        if self._is_first and progress.left and not is_over:
            with suppress(UpstreamError):  # it is done again at the end
                follow(self._serving.registry, self._project.id)
        self._is_first = False

    def _find_stop(self) -> str:
        if not self.still_serves():
            return "another version serves"
        if time.monotonic() - self._began < TURN.total_seconds():
            return ""
        with suppress(UpstreamError):
            oldest = self._serving.registry.queue.oldest()
            if oldest and datetime.now(UTC) - oldest > PATIENCE:
                return "it gives way to other jobs, and goes on after them"
        return ""


def refresh(serving: ServingRoom, project_id: int) -> str:
    """
    Store the champion's predictions for every open task that lacks them, then make the queue follow them.

    A second run stores nothing twice: tasks with a prediction of this version are left out. The refresh counts as done
    only at its end: where it is killed, or stopped because another version serves or other jobs wait, the sweep asks
    for it again. Raises UpstreamError, NotStored after all other work is done, and RegistryError or DetectorBroken
    where the champion does not work: nothing is stored for a version that cannot predict.
    """
    project = serving.studio.projects.get(project_id)
    champion = serving.registry.versions.champion(project_id)
    if champion is None:
        serving.studio.projects.record_refresh(project, "")
        return "nothing to predict with yet"
    execution = str(uuid.uuid4())
    _take_over(serving, project_id, champion.name, execution)
    run, tasks = _Run(serving, project, champion.name), WaitingTasks(serving, project, champion.name)
    _predict(serving, project, champion, run, tasks, execution)
    serving.vision.ask_vectors(project_id)
    total = run.total + len(tasks.empty)
    line = f"{champion.name}: {run.counts.done} of {max(total, run.counts.tried)} open tasks predicted"
    if run.stopped:
        return f"{line}, then {run.stopped}"
    lines = [f"{line}; {follow(serving.registry, project_id).line}"]
    write_groups(serving, project_id)
    lines += shadow.predict_by_shadow(serving, project, tasks.beside, execution)
    if run.counts.refused:
        raise NotStored(project_id, dict(run.counts.refused), run.counts.done)
    serving.studio.projects.record_refresh(project, champion.name)
    if serving.policy.keep_predictions == 0:  # else the schedule does it later
        lines.append(retire(serving, project_id))
    broken = run.counts.broken[:MOST_NAMED]
    return "; ".join([*lines, *(f"task {suggestion.task_id}: {suggestion.error}" for suggestion in broken)])


def is_due(serving: ServingRoom, project: Project) -> bool:
    """Whether open tasks wait for the champion."""
    champion = serving.registry.versions.champion(project.id)
    answered_by = champion.name if champion else ""
    return project.refresh_asked != project.refresh_done or project.refreshed_version != answered_by


def _predict(
    serving: ServingRoom, project: Project, champion: Version, run: _Run, tasks: WaitingTasks, execution: str
) -> None:
    """Predict tasks, and store the predictions in place of the empty ones."""
    waiting = tasks.walk()
    first = next(waiting, None)
    if first is None:
        return
    match = partial(serving.matching.find_recorded, project)
    served = serving.registry.load(champion)
    batches = Batches(
        *(serving, project, served, execution),
        match=match,
        may_go_on=run.may_go_on,
        may_store=run.still_serves,
        replaced=tasks.empty,
    )
    for counts in batches.run(chain([first], waiting)):
        run.note(counts)


def _take_over(serving: ServingRoom, project_id: int, version: str, execution: str) -> None:
    """Log the predictions of a former shadow that is now the champion as served: Label Studio shows them already."""
    shadowed = serving.predictions.find_shadowed(project_id, version)
    outlines = serving.studio.client.named_outlines(project_id, shadowed)
    shown = [task.id for task in outlines if task.has(version) and not task.is_labeled]
    ours = serving.predictions.newest(project_id, shown, is_shadow=True, version=version)
    served = serving.predictions.newest(project_id, ours)
    now = datetime.now(UTC)
    serving.predictions.append(
        [
            replace(prediction, is_shadow=False, served_at=now, execution=execution)
            for task_id, prediction in ours.items()
            if task_id not in served or served[task_id].version != version
        ]
    )
