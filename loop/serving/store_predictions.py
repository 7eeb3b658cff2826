"""Predicts many tasks with one version, and stores the predictions in Label Studio."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from threading import Lock

from loop.errors import NotStored
from loop.label_studio.projects import Project
from loop.label_studio.tasks import StoredTask
from loop.registry.loaded_version import LoadedVersion
from loop.serving.matching import MatchBatch, match_nothing
from loop.serving.pre_annotate import PredictionRun, pre_annotate
from loop.serving.predict import Suggestion
from loop.serving.queue_order import audit_draw
from loop.serving.room import ServingRoom
from loop.storage.queries import chunked

BATCH = 200  # tasks predicted, logged and stored at a time
AT_ONCE = 3  # batches under way: one is predicted, while one is stored and one was read and waits


@dataclass(frozen=True, slots=True)
class PredictionCounts:
    """
    How many of the tasks that were *tried* are predicted, or, where predictions are shown, stored.

    *broken* are the suggestions for tasks that could not be predicted. *refused* has, by task, the reason why Label
    Studio did not store a prediction.
    """

    tried: int = 0
    done: int = 0
    broken: Sequence[Suggestion] = ()
    refused: Mapping[int, str] = field(default_factory=dict)

    def __add__(self, other: PredictionCounts) -> PredictionCounts:
        """Return the counts of both together."""
        broken, refused = (*self.broken, *other.broken), {**self.refused, **other.refused}
        return PredictionCounts(self.tried + other.tried, self.done + other.done, broken, refused)


@dataclass(frozen=True, slots=True)
class Batches:
    """
    Predicts tasks of a project with one version, and stores the predictions in Label Studio where *is_shown*.

    *match* returns the matches of a batch by task id. No batch is begun after *may_go_on* said no. A batch that is
    predicted is stored unless *may_store* says no. *replaced* has, by task, the ids of stored predictions that are
    removed as soon as another one is stored for the task; *outdated* has those that are removed before the task is
    predicted, so that it waits for a prediction whatever comes between. What the log has from before *since* does not
    count.
    """

    serving: ServingRoom
    project: Project
    served: LoadedVersion
    execution: str
    is_shadow: bool = False
    is_shown: bool = True
    match: MatchBatch = match_nothing
    may_go_on: Callable[[], bool] = lambda: True
    may_store: Callable[[], bool] = lambda: True
    replaced: Mapping[int, Sequence[int]] = field(default_factory=dict)
    outdated: Mapping[int, Sequence[int]] = field(default_factory=dict)
    since: datetime | None = None

    def run(self, tasks: Iterable[StoredTask]) -> Iterator[PredictionCounts]:
        """
        Pre-annotate tasks and store the predictions; yield the counts of each batch when it is stored.

        The tasks are read as they are needed. Audited tasks come last, because they are placed among the scores of all
        others. Raises UpstreamError, and DetectorBroken where the version detects on no image any more.
        """
        audited = list[int]()
        yield from self._run(self._put_off(tasks, audited))
        yield from self._run(self._read(audited))

    def _put_off(self, tasks: Iterable[StoredTask], audited: list[int]) -> Iterator[StoredTask]:
        """Yield the tasks that are not audited, and append the ids of the others."""
        for task in tasks:
            if audit_draw(self.project.id, task.id, self.serving.policy.audit) is None:
                yield task
            else:
                audited.append(task.id)

    def _read(self, task_ids: Sequence[int]) -> Iterator[StoredTask]:
        """Yield tasks as they are now, without those that somebody has opened since: `/predict` answered for them."""
        for some_ids in chunked(task_ids, BATCH):
            for task in self.serving.studio.client.named_tasks(self.project.id, some_ids).values():
                outdated, known = self.outdated.get(task.id, ()), task.predictions_of(self.served.version)
                if all(prediction.is_empty or prediction.id in outdated for prediction in known):
                    yield task

    def _run(self, tasks: Iterable[StoredTask]) -> Iterator[PredictionCounts]:
        source, running, turn = iter(tasks), deque[Future[PredictionCounts]](), Lock()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                while self.may_go_on() and (batch := list(islice(source, BATCH))):
                    running.append(pool.submit(self._work, batch, turn))
                    if len(running) >= AT_ONCE:
                        yield running.popleft().result()
                while running:
                    yield running.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _work(self, batch: Sequence[StoredTask], turn: Lock) -> PredictionCounts:
        """Predict a batch alone, in its *turn*, and store it: two predicted together would be stored together too."""
        project, studio, config = self.project, self.serving.studio, self.project.config()
        run = PredictionRun(self.execution, self.is_shadow, since=self.since)
        batch = self._remove_outdated(batch)
        with turn:
            if not batch or not self.may_go_on():
                return PredictionCounts()
            answers = pre_annotate(self.serving, project.id, config, self.served, batch, match=self.match, run=run)
        broken = [answer.suggestion for answer in answers if answer.suggestion.error]
        predictions = [answer.prediction for answer in answers if answer.suggestion.error is None]
        if not self.is_shown:
            return PredictionCounts(len(batch), len(predictions), broken)
        if not self.may_store():
            return PredictionCounts()
        refused: Mapping[int, str] = {}
        try:
            stored = studio.client.store_predictions(project.id, predictions)
        except NotStored as error:
            stored, refused = error.stored, error.reasons
        self._remove_replaced({prediction.task_id for prediction in predictions} - refused.keys())
        return PredictionCounts(len(batch), stored, broken, refused)

    def _remove_outdated(self, batch: Sequence[StoredTask]) -> Sequence[StoredTask]:
        """Remove the outdated predictions of a batch; return it without the tasks that somebody has begun since."""
        client, old = self.serving.studio.client, [task.id for task in batch if task.id in self.outdated]
        now = client.named_tasks(self.project.id, old) if old else {}
        left = {task_id: task for task_id, task in now.items() if not task.is_begun}
        whole = [task_id for task_id, task in left.items() if self._is_all_outdated(task)]
        client.delete_predictions(self.project.id, whole)
        for task_id in left.keys() - set(whole):
            for prediction_id in self.outdated[task_id]:
                client.delete_prediction(prediction_id)
        return [task for task in batch if task.id not in self.outdated or task.id in left]

    def _is_all_outdated(self, task: StoredTask) -> bool:
        """Whether the task has no other predictions, such as those of another version or imported ones."""
        return all(prediction.id in self.outdated[task.id] for prediction in task.predictions)

    def _remove_replaced(self, task_ids: Iterable[int]) -> None:
        for task_id in sorted(task_ids):
            for prediction_id in self.replaced.get(task_id, ()):
                self.serving.studio.client.delete_prediction(prediction_id)
