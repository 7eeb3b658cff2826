"""The open tasks of a project, shared by the jobs that predict them: no task is predicted by two."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice

from loop.errors import UpstreamError
from loop.job_queue.claims import ClaimedItems
from loop.job_queue.queue import JobQueue
from loop.label_studio.tasks import StoredTask
from loop.serving import store_predictions
from loop.serving.open_tasks.waiting_tasks import WaitingTasks

LOOK_SECONDS = 1.0  # between two looks whether another job has ended
ATTEMPTS = 10  # to reach Redis, as many seconds: `loop up` starts it again meanwhile


class SharedTasks:
    """
    The tasks that one job has of a walk that others do as well; it has the lock *holder*, and their *work* one name.

    A task that another job claimed is passed over. If that job ended, Label Studio says whether the task is predicted.
    """

    def __init__(self, queue: JobQueue, work: str, holder: str, tasks: WaitingTasks) -> None:
        self._queue, self._work, self._holder, self._tasks = queue, work, holder, tasks
        self._held: list[int] = []

    def walk(self) -> Iterator[StoredTask]:
        """Yield the tasks of the walk that no other job has."""
        waiting = self._tasks.walk()
        while some := list(islice(waiting, store_predictions.BATCH)):
            claimed = self._claim([task.id for task in some])
            yield from (task for task in some if task.id in claimed.new)
            yield from self._tasks.find_waiting(sorted(claimed.left))
            self._held += claimed.held

    def walk_to_the_end(self, may_go_on: Callable[[], bool]) -> Iterator[StoredTask]:
        """Yield the tasks of the walk, then those that other jobs had and left, until no other job has any."""
        yield from self.walk()
        while self._held and may_go_on():
            held, self._held = self._held, []
            while some := held[: store_predictions.BATCH]:
                del held[: store_predictions.BATCH]
                claimed = self._claim(some)
                yield from self._tasks.find_waiting(sorted(claimed.new | claimed.left))
                self._held += claimed.held
            if self._held:
                time.sleep(LOOK_SECONDS)

    def _claim(self, task_ids: list[int]) -> ClaimedItems:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._queue.claim(self._work, self._holder, task_ids)
            except UpstreamError:
                if attempt == ATTEMPTS:
                    raise
                time.sleep(LOOK_SECONDS)
        raise AssertionError
