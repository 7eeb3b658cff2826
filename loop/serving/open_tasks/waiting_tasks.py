"""Finds the open tasks that wait for a prediction of the champion, while Label Studio lists them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from loop.label_studio.projects import Project
from loop.label_studio.tasks import StoredTask
from loop.serving import shadow
from loop.serving.open_tasks.outdated import find_config_change
from loop.serving.room import ServingRoom
from loop.storage.queries import chunked
from loop.vision.addresses import identify, identify_image

FIRST = 2000  # least certain tasks that are predicted before all others
LOOKED_UP = 1000  # predicted tasks that are compared with our log at a time


class WaitingTasks:
    """
    One walk over the open tasks of a project; few tasks are in memory at a time.

    *beside* are the tasks for the shadow. *empty* has, by task, the stored predictions that are empty because the task
    could not be predicted; *outdated* has those of another image, or from before *since*, when the label config was
    another one. All are complete at the end of the walk.
    """

    def __init__(self, serving: ServingRoom, project: Project, version: str) -> None:
        self._serving, self._project, self._version = serving, project, version
        self.beside: list[StoredTask] = []
        self.empty: dict[int, list[int]] = {}
        self.outdated: dict[int, list[int]] = {}
        self._image_key = project.config().image_key
        self.since = find_config_change(serving, project, version)

    def walk(self) -> Iterator[StoredTask]:
        """
        Yield the tasks to predict: those that a former version was least certain of, then all others by id.

        At the end all open tasks are listed once more: Label Studio takes a part of a version's name for its name.
        """
        listed, predicted = set[int](), dict[int, str]()
        without = self._serving.studio.client.open_outlines(self._project.id, without=self._version)
        for task in chain(self._least_certain(), without):
            if task.id not in listed:
                listed.add(task.id)
                yield task
        for task in self._serving.studio.client.open_outlines(self._project.id):
            if shadow.covers(self._project, self._version, task):
                self.beside.append(task)
            if task.has(self._version):
                predicted[task.id] = identify_image(task.data, self._image_key) or ""
            elif task.id not in listed:
                yield task
            if len(predicted) >= LOOKED_UP:
                yield from self._find_empty(predicted)
                predicted.clear()
        yield from self._find_empty(predicted)

    def find_waiting(self, task_ids: Sequence[int]) -> Iterator[StoredTask]:
        """Yield those of some tasks that wait for a prediction now."""
        predicted = dict[int, str]()
        outlines = self._serving.studio.client.named_outlines(self._project.id, task_ids) if task_ids else ()
        for task in outlines:
            if not task.is_labeled and task.has(self._version):
                predicted[task.id] = identify_image(task.data, self._image_key) or ""
            elif not task.is_labeled:
                yield task
        if predicted:
            yield from self._find_empty(predicted)

    def _least_certain(self) -> Iterator[StoredTask]:
        ids = self._serving.predictions.find_least_certain(self._project.id, self._version, FIRST)
        for some_ids in chunked(ids, LOOKED_UP):
            for task in self._serving.studio.client.named_outlines(self._project.id, some_ids):
                if not task.is_labeled and not task.has(self._version):
                    yield task

    def _find_empty(self, predicted: Mapping[int, str]) -> Iterator[StoredTask]:
        """
        Yield tasks *predicted*, each with its image, whose predictions are outdated, or empty for lack of an answer.

        Outdated ones were made by another label config, or of another image; those of a task that somebody has begun
        stay. Label Studio stores the answer of `/predict` also while a version is broken or an image cannot be read;
        our log does not have it. An empty prediction that is in our log has no boxes because nothing was detected.
        """
        project_id, log = self._project.id, self._serving.predictions
        logged = log.find_logged(project_id, predicted, self._version)
        images = {task_id: image for task_id, image in logged.items() if image and predicted[task_id]}
        outdated = {task_id for task_id, image in images.items() if identify(image) != predicted[task_id]}
        if self.since:
            outdated |= logged.keys() - log.find_logged(project_id, logged, self._version, self.since).keys()
        unlogged = (predicted.keys() - logged.keys()) | outdated
        for task in self._serving.studio.client.named_tasks(project_id, sorted(unlogged)).values():
            predictions = task.predictions_of(self._version)
            is_outdated = task.id in outdated
            if not task.is_begun if is_outdated else all(prediction.is_empty for prediction in predictions):
                old = self.outdated if is_outdated else self.empty
                old[task.id] = [prediction.id for prediction in predictions if prediction.id]
                yield task
