"""Fakes of what our use cases are given; each keeps what it was asked for."""

import itertools
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from functools import partialmethod

import numpy as np

from loop.errors import ImageError, ImageUnreadable, UpstreamError
from loop.label_studio.label_config import parse
from loop.label_studio.states import ProjectState, write_project
from loop.label_studio.tasks import StoredPrediction, StoredTask, write_prediction
from loop.label_studio.views import View, write_view
from loop.regions import Detection
from loop.registry.probe import ProbedWeights
from tests.builders import CONFIG
from tests.job_queue.fakes import ListedJobs, LonelyWork, PageJobs


class FakeQueue(LonelyWork, ListedJobs, PageJobs):
    """Takes no job; remembers what was asked for."""

    def __init__(self):
        super().__init__()
        self.asked = []
        self.progress = []
        self.failures = {}
        self.listed, self.cancelled = [], []

    def close(self):
        pass

    def note_progress(self, job, progress):
        self.progress.append((job, progress))

    def read_progress(self):
        return {job: progress for job, progress in self.progress if progress.left}

    def find_failure(self, job_id):
        return self.failures.get(job_id, "")

    def _ask(self, kind, project_id):
        self.asked.append((kind, project_id))
        return True if kind in ("sync", "suspects") else None

    ask_review, ask_sync = partialmethod(_ask, "review"), partialmethod(_ask, "sync")
    ask_refresh, ask_index = partialmethod(_ask, "refresh"), partialmethod(_ask, "index")
    ask_discover, ask_match = partialmethod(_ask, "discover"), partialmethod(_ask, "match")
    ask_retrain, ask_suspects = partialmethod(_ask, "retrain"), partialmethod(_ask, "suspects")

    def workers(self):
        return {}

    @contextmanager
    def alone(self, name):
        yield

    @contextmanager
    def leave_a_worker(self, kind, work=None):
        yield True


class FreeQueue(FakeQueue):
    """Nothing else runs, but for the jobs named as busy."""

    busy = ()

    @contextmanager
    def alone(self, name):
        yield name not in self.busy


class FakeLabelStudio:
    """One Label Studio with one project, in memory."""

    url = "http://studio.example"

    def __init__(self, tasks=()):
        self.tasks = list(tasks)
        self.stored = []
        self.patched = []
        self.predictions = {}
        self.tabs = []
        self.ids = itertools.count(1_000_000)
        self.fields = {"id": 1, "title": "Cars", "label_config": CONFIG, "model_version": ""}

    def close(self):
        pass

    def project(self, project_id):
        return ProjectState.of(self.fields)

    def now(self):
        return datetime.now(UTC)

    def backends(self, project_id):
        return []

    def validate_config(self, project_id, label_config):
        parse(label_config)

    def prediction(self, prediction_id):
        if prediction_id not in self.predictions:
            raise UpstreamError("404")
        return StoredPrediction(self.predictions[prediction_id])

    def update_project(self, project_id, **changes):
        self.fields.update(write_project(changes))

    def delete_prediction(self, prediction_id):
        for task in self.tasks:
            task["predictions"] = [one for one in task.get("predictions") or [] if one.get("id") != prediction_id]
        return True

    def delete_predictions(self, project_id, task_ids):
        for task in self.tasks:
            if task["id"] in task_ids:
                task["predictions"] = []

    def update_prediction(self, prediction_id, **changes):
        for task in self.tasks:
            for prediction in task.get("predictions") or []:
                if prediction["id"] == prediction_id:
                    prediction.update(write_prediction(changes))
                    self.patched.append(prediction_id)

    def named_tasks(self, project_id, task_ids):
        return {task["id"]: StoredTask(task) for task in self.tasks if task["id"] in task_ids}

    def open_tasks(self, project_id):
        return iter([StoredTask(task) for task in self.tasks if not task.get("annotations")])

    def open_outlines(self, project_id, *, without=None):
        return iter([task for task in self.open_tasks(project_id) if without is None or not self.lists(task, without)])

    def lists(self, task, version):
        """Whether the list of a task's versions, as text, contains that of a version."""
        return any(version in prediction.version for prediction in task.predictions)

    def named_outlines(self, project_id, task_ids):
        tasks = self.named_tasks(project_id, task_ids)
        return [tasks[task_id] for task_id in task_ids if task_id in tasks]

    def count_open(self, project_id, version=None):
        return sum(version is None or task.has(version) for task in self.open_tasks(project_id))

    def untouched_tasks(self, project_id):
        return map(StoredTask, list(self.tasks))

    def outlines_since(self, project_id, moment):
        return map(StoredTask, self.tasks)

    def task_ids(self, project_id):
        return {task["id"] for task in self.tasks}

    def views(self, project_id):
        return [View.of(tab) for tab in self.tabs]

    def create_view(self, project_id, view):
        self.tabs.append({"id": max((tab["id"] for tab in self.tabs), default=0) + 1, "data": write_view(view)})

    def update_view(self, project_id, view):
        for tab in self.tabs:
            if tab["id"] == view.id:
                tab["data"] = write_view(view)

    def delete_view(self, view_id):
        self.tabs = [tab for tab in self.tabs if tab["id"] != view_id]

    def store_predictions(self, project_id, predictions):
        rows = [prediction.as_row() for prediction in predictions]
        self.stored += rows
        for task in self.tasks:
            new = [one for one in rows if one["task"] == task["id"]]
            for row in new:
                row.setdefault("id", next(self.ids))
            task.setdefault("predictions", []).extend(new)
        return len(predictions)


class FakeImages:
    """Black images, but for the tasks named as broken."""

    def __init__(self, broken=(), size=(48, 64)):
        self._broken, self._size = set(broken), size

    def close(self):
        pass

    def map(self, work, tasks, *, at_once=1):
        tasks = list(tasks)
        for task, image in zip(tasks, self.load(tasks), strict=True):
            yield image if isinstance(image, ImageError) else work(task, image)

    def load(self, tasks):
        for task in tasks:
            if task.id in self._broken:
                yield ImageUnreadable(task.image, "HTTP 404")
            else:
                yield np.zeros((*self._size, 3), np.uint8)


class FakeDetector:
    """Finds the same on every image."""

    image_size = 640
    at_once = 1

    def __init__(self, *detections, class_names=("car", "person", "dog")):
        self.class_names = class_names
        self._found = [Detection(*one) for one in detections]
        self.floors = []

    def detect(self, images, floor):
        self.floors.append(floor)
        sure = [one for one in self._found if one.confidence >= floor]
        return [sorted(sure, key=lambda detection: -detection.confidence) for _ in images]


class FakeDetectors:
    """Loads the same fake detector for all weights, and has none to start from; nothing is exported."""

    serves_exports = tries_8_bits = False

    def __init__(self, *detections):
        self._found = detections

    def check_device(self):
        pass

    def base_if_here(self):
        return None

    def to_train(self, weights):
        return weights

    def keep(self):
        return nullcontext()

    def load(self, weights, framing=None):
        return FakeDetector(*self._found)

    def probe(self, weights, pickle_sha256, image_size):
        return ProbedWeights(FakeDetector().class_names, image_size or 640)


class Killed(BaseException):
    """Stands for a kill of this process; nobody catches it."""
