"""Predicts the open tasks of a project with its champion, and makes Label Studio serve the least certain first."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain

from loop.errors import NotStored, UpstreamError
from loop.job_queue.progress import JobProgress
from loop.label_studio.projects import Project
from loop.label_studio.tasks import StoredTask
from loop.registry.follow import follow
from loop.registry.store import Version
from loop.serving import shadow
from loop.serving.open_tasks.shared_tasks import SharedTasks
from loop.serving.open_tasks.waiting_tasks import WaitingTasks
from loop.serving.retire import retire
from loop.serving.room import ServingRoom
from loop.serving.store_predictions import Batches, PredictionCounts
from loop.serving.write_groups import write_groups

log = logging.getLogger(__name__)

KIND = "refresh"
MOST_NAMED = 10  # broken tasks in the line of the job
TURN = timedelta(seconds=60)  # that a run works at least before it gives way
PATIENCE = timedelta(seconds=20)  # that other jobs wait before a run gives way


class _Run:
    """
    One run over the open tasks, from batch to batch; *stopped* says why it ended before it was done.

    A *share* is a run beside the one that leads: it counts as part of that one, and gives way to it in nothing.
    """

    def __init__(self, serving: ServingRoom, project: Project, version: str, holder: str, *, is_share: bool) -> None:
        self._serving, self._project, self._version = serving, project, version
        self._holder, self._is_share = holder, is_share
        client = serving.studio.client
        self.total = 0 if is_share else client.count_open(project.id) - client.count_open(project.id, version)
        self.counts, self.by_others, self.stopped = PredictionCounts(), 0, ""
        self._began, self._is_first = time.monotonic(), True

    def may_go_on(self) -> bool:
        """Whether the version still serves, and no other job has waited for long."""
        if not self.stopped:
            self.stopped = self._find_stop()
        return not self.stopped

    def still_serves(self) -> bool:
        """Whether no other version was promoted meanwhile, and the label config is the same."""
        return not self._find_change()

    def note(self, counts: PredictionCounts) -> None:
        """Report the progress of all jobs together, and make the queue follow after the first batch."""
        self.counts += counts
        queue, own = self._serving.registry.queue, self.counts.done if self._is_share else self.counts.tried
        with suppress(UpstreamError):  # the next batch is noted with it
            is_new = self._is_first and not self._is_share
            self.by_others = queue.count_done(name_work(self._project.id), self._holder, own, is_first=is_new) - own
        if not self._is_share:
            self._report(counts)
        self._is_first = False

    def _report(self, counts: PredictionCounts) -> None:
        done, queue = self.counts.tried + self.by_others, self._serving.registry.queue
        progress = JobProgress(done, max(0, self.total - done), done / max(time.monotonic() - self._began, 1e-3))
        if counts.tried:
            log.info("project %d: %s on the open tasks: %s", self._project.id, self._version, progress.line)
        is_over = not self.may_go_on()
        queue.note_progress(name_work(self._project.id), replace(progress, left=0) if is_over else progress)
        if self._is_first and progress.left and not is_over:
            with suppress(UpstreamError):  # it is done again at the end
                follow(self._serving.registry, self._project.id)

    def _find_change(self) -> str:
        champion = self._serving.registry.versions.champion(self._project.id)
        if champion is None or champion.name != self._version:
            return "another version serves"
        label_config = self._serving.studio.projects.get(self._project.id).label_config
        return "" if label_config == self._project.label_config else "the label config is another one"

    def _find_stop(self) -> str:
        if change := self._find_change():
            return change
        is_young = time.monotonic() - self._began < TURN.total_seconds()
        if is_young and not self._is_share:
            return ""
        with suppress(UpstreamError):
            queue = self._serving.registry.queue
            if queue.longest_wait(KIND, str(self._project.id)) > (0 if self._is_share else PATIENCE.total_seconds()):
                return "it gives way to another project, and goes on after it"
            oldest = None if is_young else queue.oldest()
            if oldest and datetime.now(UTC) - oldest > PATIENCE:
                return "it gives way to other jobs, and goes on after them"
        return ""


def name_work(project_id: int) -> str:
    """Return the name of the refresh of a project, as its progress is noted."""
    return f"{KIND}-{project_id}"


def refresh(serving: ServingRoom, project_id: int) -> str:
    """
    Store the champion's predictions for every open task that lacks them, then make the queue follow them.

    A second run stores nothing twice: tasks with a prediction of this version are left out. Other jobs may take shares
    meanwhile (`share`); this run ends after them. The refresh counts as done only at its end: where it is killed, or
    stopped because another version serves or other jobs wait, the sweep asks for it again. Raises UpstreamError,
    NotStored after all other work is done, and RegistryError or DetectorBroken where the champion does not work:
    nothing is stored for a version that cannot predict.
    """
    project = serving.studio.projects.get(project_id)
    champion = serving.registry.versions.champion(project_id)
    if champion is None:
        serving.studio.projects.record_refresh(project, "")
        return "nothing to predict with yet"
    execution = str(uuid.uuid4())
    _take_over(serving, project_id, champion.name, execution)
    run, tasks = _predict_waiting(serving, project, champion, execution, is_share=False)
    serving.vision.ask_vectors(project_id)
    total = run.total + len(tasks.empty) + len(tasks.outdated)
    line = f"{champion.name}: {run.counts.done + run.by_others} of {max(total, run.counts.tried)} open tasks predicted"
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


def share(serving: ServingRoom, project_id: int) -> str:
    """
    Predict open tasks of a project beside its refresh, which does all else.

    A share may end anywhere: the refresh, or the next one, does what it left. Raises what `refresh` raises.
    """
    project = serving.studio.projects.get(project_id)
    champion = serving.registry.versions.champion(project_id)
    if champion is None or not is_due(serving, project):
        return "nothing to share"
    run, _ = _predict_waiting(serving, project, champion, str(uuid.uuid4()), is_share=True)
    line = f"{champion.name}: {run.counts.done} open tasks predicted beside the refresh"
    return f"{line}, then {run.stopped}" if run.stopped else line


def is_due(serving: ServingRoom, project: Project) -> bool:
    """Whether open tasks wait for the champion."""
    champion = serving.registry.versions.champion(project.id)
    answered_by = champion.name if champion else ""
    return project.refresh_asked != project.refresh_done or project.refreshed_version != answered_by


def _predict_waiting(
    serving: ServingRoom, project: Project, champion: Version, execution: str, *, is_share: bool
) -> tuple[_Run, WaitingTasks]:
    """Predict the tasks that wait and that no other job has; where this is no share, also those that others left."""
    queue, holder = serving.registry.queue, f"{name_work(project.id)}-{execution[:8]}"
    run = _Run(serving, project, champion.name, holder, is_share=is_share)
    tasks = WaitingTasks(serving, project, champion.name)
    shared = SharedTasks(queue, f"{name_work(project.id)}:{champion.name}", holder, tasks)
    with queue.alone(holder):
        waiting = shared.walk() if is_share else shared.walk_to_the_end(run.may_go_on)
        _predict(serving, project, champion, run, tasks, execution, waiting)
    return run, tasks


def _predict(
    serving: ServingRoom,
    project: Project,
    champion: Version,
    run: _Run,
    tasks: WaitingTasks,
    execution: str,
    waiting: Iterator[StoredTask],
) -> None:
    """Predict tasks, and store the predictions in place of the empty ones."""
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
        outdated=tasks.outdated,
        since=tasks.since,
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
