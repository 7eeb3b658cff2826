"""Which tasks with a known answer are shown again, and how many at a time. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from loop.draws import draw_number

MOST_FIRST = 3  # tasks at a time that are served before all others


@dataclass(frozen=True, slots=True)
class KnownTask:
    """A task with a known answer: the people who annotated or skipped it, and the number of their annotations."""

    task_id: int
    annotators: frozenset[int]
    annotations: int


def count_wanted(share: float, open_tasks: int, reviews_since: int, *, is_first: bool) -> int:
    """
    Return how many tasks should be shown again at a time, for a *share* of the tasks that annotators get.

    They lie among the *open_tasks* at places of their own. Where Label Studio serves them before all others
    (*is_first*), they come one by one instead: one after each so many *reviews_since* the last answer.
    """
    if is_first:
        return min(MOST_FIRST, int(share * reviews_since))
    return round(share / (1 - share) * open_tasks)


def choose_again(
    project_id: int,
    known: Iterable[KnownTask],
    shown: Collection[int],
    annotators: frozenset[int],
    *,
    least_annotations: int,
    most: int,
) -> list[KnownTask]:
    """
    Choose at most so many tasks that are not *shown*, those that the fewest people annotated first, else by chance.

    Only a task that is finished, with *least_annotations* people, and that one of the *annotators* has not had.
    """
    able = [
        task
        for task in known
        if task.task_id not in shown and len(task.annotators) >= least_annotations and not annotators <= task.annotators
    ]
    able.sort(key=lambda task: (len(task.annotators), draw_number("known answer", project_id, task.task_id)))
    return able[: max(0, most)]
