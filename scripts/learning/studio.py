"""Label Studio in memory, with one project: as much of it as the use cases of a study ask for."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Unpack

from loop.errors import Refused
from loop.job_queue.claims import ClaimedItems
from loop.job_queue.job_places import PlaceCounts
from loop.job_queue.progress import JobProgress
from loop.job_queue.queue import JobQueue
from loop.label_studio.client import LabelStudio
from loop.label_studio.prediction_import import NewPrediction
from loop.label_studio.states import ProjectChanges, ProjectState, write_project
from loop.label_studio.tasks import PredictionChanges, StoredPrediction, StoredTask, write_prediction
from loop.vision.images import ImageLimits, Images

PROJECT = 1


class MemoryStudio(LabelStudio):
    """
    The tasks and predictions of one project.

    `next_task` serves as Label Studio's uncertainty sampling does: from the group (`cluster`) that the annotator has
    done least of, the lowest score; tasks without a prediction of the project's version come in random order.
    """

    def __init__(self, label_config: str, seed: int) -> None:
        super().__init__("http://studio.invalid", "")
        self._fields: dict[str, Any] = {"id": PROJECT, "label_config": label_config, "model_version": ""}
        self._rows: dict[int, dict[str, Any]] = {}
        self._ids, self._rng = itertools.count(1), random.Random(f"first-{seed}")
        self._places: dict[int, int] = {}
        self._done: Counter[object] = Counter()

    def add_tasks(self, images: Sequence[str]) -> None:
        """Add a task for each image."""
        added = range(len(self._rows) + 1, len(self._rows) + len(images) + 1)
        for number, image in zip(added, images, strict=True):
            self._rows[number] = {"id": number, "data": {"image": image}, "predictions": [], "annotations": []}
        self._places |= {task_id: place for place, task_id in enumerate(self._rng.sample(added, len(added)))}

    def next_task(self) -> StoredTask | None:
        """Return the task that an annotator gets next, with the shown prediction alone; None if no task is left."""
        version, ranked = self._fields["model_version"], list[tuple[int, float, int, int]]()
        for task in self.open_tasks(PROJECT):
            shown = task.predictions_of(version) if version else []
            group = self._done[shown[0].group] if shown else 0
            ranked.append((group, shown[0].score if shown else 0.0, self._places[task.id], task.id))
        if not ranked:
            return None
        row = self._rows[min(ranked)[-1]]
        predictions = [each for each in row["predictions"] if version and each["model_version"] == version]
        return StoredTask({**row, "predictions": predictions[:1]})

    def annotate(self, task: StoredTask, annotation: Mapping[str, Any]) -> dict[str, Any]:
        """Add an annotation to a task, and return the event that Label Studio would send."""
        stored = {"id": task.id, "task": task.id, "project": PROJECT, **annotation}
        self._rows[task.id]["annotations"].append(stored)
        self._done.update(prediction.group for prediction in task.predictions)
        return {"action": "ANNOTATION_CREATED", "annotation": stored, "task": {"id": task.id, "data": task.data}}

    def close(self) -> None:
        """Close nothing."""

    def project(self, project_id: int) -> ProjectState:
        """Return the project."""
        del project_id
        return ProjectState.of(self._fields)

    def update_project(self, project_id: int, **changes: Unpack[ProjectChanges]) -> None:
        """Change fields of the project."""
        del project_id
        self._fields.update(write_project(changes))

    def open_tasks(self, project_id: int) -> Iterator[StoredTask]:
        """Yield every task without an annotation, by id."""
        del project_id
        return iter([StoredTask(task) for task in self._rows.values() if not task["annotations"]])

    def open_outlines(self, project_id: int, *, without: str | None = None) -> Iterator[StoredTask]:
        """Yield every task without an annotation, or without a prediction of a version."""
        return (task for task in self.open_tasks(project_id) if without is None or not task.has(without))

    def count_open(self, project_id: int, version: str | None = None) -> int:
        """Count the open tasks, or those of them with a prediction of a version."""
        return sum(version is None or task.has(version) for task in self.open_tasks(project_id))

    def named_tasks(self, project_id: int, task_ids: Sequence[int]) -> dict[int, StoredTask]:
        """Return tasks by id."""
        del project_id
        return {task_id: StoredTask(self._rows[task_id]) for task_id in task_ids if task_id in self._rows}

    def named_outlines(self, project_id: int, task_ids: Sequence[int]) -> list[StoredTask]:
        """Return tasks in the order of their ids."""
        return list(self.named_tasks(project_id, task_ids).values())

    def import_predictions(self, project_id: int, predictions: Sequence[NewPrediction]) -> int:
        """Add predictions."""
        del project_id
        for prediction in predictions:
            row = {"id": next(self._ids), **prediction.as_row()}
            self._rows[prediction.task_id]["predictions"].append(row)
        return len(predictions)

    def prediction(self, prediction_id: int) -> StoredPrediction:
        """Return a prediction. Raises Refused."""
        return StoredPrediction(self._find(prediction_id))

    def update_prediction(self, prediction_id: int, **changes: Unpack[PredictionChanges]) -> None:
        """Change fields of a prediction. Raises Refused."""
        self._find(prediction_id).update(write_prediction(changes))

    def _find(self, prediction_id: int) -> dict[str, Any]:
        for task in self._rows.values():
            for prediction in task["predictions"]:
                if prediction["id"] == prediction_id:
                    found: dict[str, Any] = prediction
                    return found
        raise Refused(f"prediction {prediction_id}", 404)


class NoQueue(JobQueue):
    """A queue that takes no job, and on which nobody waits: a study calls the use cases one after the other."""

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Take any lock."""
        del name
        yield True

    def claim(self, work: str, holder: str, items: Sequence[int]) -> ClaimedItems:
        """Claim all items."""
        del work, holder
        return ClaimedItems(frozenset(items), frozenset(), frozenset())

    def count_done(self, work: str, holder: str, done: int, *, is_first: bool = False) -> int:
        """Return what this job has done."""
        del work, holder, is_first
        return done

    def count_places(self, kind: str) -> PlaceCounts:
        """Return that there is one place, which is taken."""
        del kind
        return PlaceCounts(1, 0)

    def longest_wait(self, kind: str, work: str) -> float:
        """Return that nobody waits."""
        del kind, work
        return 0.0

    def note_progress(self, job: str, progress: JobProgress) -> None:
        """Note nothing."""
        del job, progress

    def oldest(self) -> None:
        """Return that no job waits."""

    def _ask(self, queue: str, function: str, *ids: int, timeout: int = 0, texts: tuple[str, ...] = ()) -> bool:
        del queue, function, ids, timeout, texts
        return False


class FolderImages(Images):
    """The images of tasks, in a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(None, ImageLimits())
        self._folder = folder

    def fetch(self, address: str, task_id: int) -> bytes:
        """Return the file with the name of the address."""
        del task_id
        return (self._folder / address).read_bytes()
