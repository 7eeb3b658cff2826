"""Shows tasks with a known answer again, to annotators who have not annotated them, at a set share of the tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from loop.label_studio.states import ProjectState
from loop.rates.known.choice import KnownTask, choose_again, count_wanted
from loop.rates.known.shown_store import ShownTasks
from loop.rates.room import RatesRoom
from loop.registry.follow import ask_refresh


def show_again(rates: RatesRoom, project_id: int) -> str:
    """
    Close the tasks that were answered, and open others; return a line about it, empty where nothing was done.

    An open task asks for one annotation more than it has, and Label Studio serves it to nobody who has annotated it. It
    is closed when the records have that annotation, or its star is gone. A task is recorded before it is opened, and
    forgotten after it is closed, so that a later call makes up for one that was killed. Raises UpstreamError.
    """
    shown = rates.shown_again.read(project_id)
    if not rates.known_share and not (shown and shown.tasks):
        return ""
    shown = shown or ShownTasks({}, datetime.now(UTC))
    known, state = rates.shown_again.read_known(project_id), rates.studio.client.project(project_id)
    annotators = rates.shown_again.read_annotators(project_id)
    left = _close(rates, project_id, state, known, shown, annotators)
    chosen = _choose(rates, project_id, known, left, state, annotators)
    now_shown = replace(left, tasks={**left.tasks, **{task.task_id: task.annotations for task in chosen}})
    rates.shown_again.write(project_id, now_shown)
    is_changed = _open(rates, project_id, state, now_shown) or left != shown
    return f"{len(now_shown.tasks)} tasks with a known answer are shown again" if is_changed else ""


def _close(
    rates: RatesRoom,
    project_id: int,
    state: ProjectState,
    known: Mapping[int, KnownTask],
    shown: ShownTasks,
    annotators: frozenset[int],
) -> ShownTasks:
    """
    Close the tasks that were answered, are known no more, or that all *annotators* had; return those that stay.

    One with fewer annotations than the project asks for stays open for these alone.
    """
    existing = {task.id: task for task in rates.studio.client.named_outlines(project_id, list(shown.tasks))}
    for task_id, before in shown.tasks.items():
        is_answered = task_id in known and known[task_id].annotations > before
        is_left = task_id in known and not annotators <= known[task_id].annotators  # to somebody who may answer it
        if is_answered or not is_left or not rates.known_share:
            if task_id in existing:  # else it was deleted, and another project may have its id
                asked = state.annotations_a_task
                is_open = existing[task_id].counted_annotations < asked  # an annotation was deleted, or more are asked
                rates.studio.client.ask_again(task_id, asked, is_open=is_open)
            left = {each: count for each, count in shown.tasks.items() if each != task_id}
            shown = ShownTasks(left, datetime.now(UTC) if is_answered else shown.since)
            rates.shown_again.write(project_id, shown)
    return shown


def _open(rates: RatesRoom, project_id: int, state: ProjectState, shown: ShownTasks) -> bool:
    """Open those of the tasks that are not open, and let the champion predict them; return whether there was one."""
    outlines = rates.studio.client.named_outlines(project_id, list(shown.tasks))
    closed = [task.id for task in outlines if task.is_labeled]
    for task_id in closed:
        overlap = max(state.annotations_a_task, shown.tasks[task_id]) + 1
        rates.studio.client.ask_again(task_id, overlap, is_open=True)
    if closed:
        ask_refresh(rates.reviews.registry, project_id)
    return bool(closed)


def _choose(
    rates: RatesRoom,
    project_id: int,
    known: Mapping[int, KnownTask],
    shown: ShownTasks,
    state: ProjectState,
    annotators: frozenset[int],
) -> list[KnownTask]:
    if not rates.known_share or not known:
        return []
    least = state.annotations_a_task
    is_first = least > 1 or not state.draws_tasks  # a task with annotations comes first where several are asked for
    open_tasks = 0 if is_first else max(0, rates.studio.client.count_open(project_id) - len(shown.tasks))
    since = rates.shown_again.count_since(project_id, shown.since) if is_first else 0
    wanted = count_wanted(rates.known_share, open_tasks, since, is_first=is_first)
    most = wanted - len(shown.tasks)
    return choose_again(project_id, known.values(), shown.tasks, annotators, least_annotations=least, most=most)
