"""One refresh by two workers, on a real Label Studio and a real Redis: no task is predicted twice, none is lost."""

import os
import signal
from collections import Counter
from contextlib import closing

import pytest
from rq import Queue, SimpleWorker

from loop.job_queue import job_lock
from loop.job_queue.connection import connect
from loop.job_queue.queue import DEFAULT
from loop.jobs import refresh, refresh_share
from loop.regions import Box
from loop.serving import store_predictions
from loop.serving.refresh import is_due
from loop.settings import Settings
from loop.wiring import build
from tests import child
from tests.fakes import FakeDetector, FakeDetectors
from tests.services import make_project, project_of, settings_of, until
from tests.swap import swap

pytestmark = pytest.mark.timeout(240)
TASKS, BATCH = 48, 4
VERSION = "yolo_detector@1.0.0"


class WaitingDetector(FakeDetector):
    """Detects on a batch, and on more as soon as a file says that both jobs are at work."""

    def __init__(self, both_work, found):
        super().__init__(*found)
        self._both_work, self._detected = both_work, 0

    def detect(self, images, floor):
        if self._detected >= BATCH:
            until(self._both_work.exists)
        self._detected += len(images)
        return super().detect(images, floor)


class WaitingDetectors(FakeDetectors):
    def __init__(self, both_work, *found):
        super().__init__(*found)
        self._both_work = both_work

    def load(self, weights, framing=None):
        return WaitingDetector(self._both_work, self._found)


def work(environment, job, *ids):
    """Run a job as a worker does, in small batches; a lock is lost soon after a kill."""
    store_predictions.BATCH, job_lock.LOCK_SECONDS = BATCH, 3.0
    import loop.jobs

    settings = Settings.read(environment)
    found = WaitingDetectors(file_of(settings), (Box(0.1, 0.1, 0.5, 0.5), "car", 0.9))
    loop.jobs.build = lambda: swap((built := build(settings)), (built.registry.detectors, found))
    job(*ids)


@pytest.fixture
def shared(label_studio, api, redis, tmp_path):
    """A project of open tasks that wait for a version; no worker runs."""
    settings = settings_of(label_studio, tmp_path / "home", LOOP_REDIS_URL=redis.address)
    project_id, _ = make_project(api, "Shares", TASKS, labels=("Car",), seed=37)
    (tmp_path / "some.pt").write_bytes(b"weights")
    with closing(build(settings, migrate=True)) as rooms, closing(connect(redis.address)) as connection:
        for _ in range(3):  # so that there are two places
            SimpleWorker([Queue(DEFAULT, connection=connection)], connection=connection).register_birth()
        rooms.studio.projects.save(project_id, "Shares", project_of(api, project_id)["label_config"])
        rooms.registry.versions.promote(
            project_id, rooms.registry.versions.add(project_id, tmp_path / "some.pt").name, "first"
        )
        yield rooms, settings, project_id


def start(shared, job, *numbers):
    _, settings, project_id = shared
    return child.start(work, settings.environment(), job, project_id, *numbers)


def file_of(settings):
    return settings.home / "both-work"


def ends(*processes):
    for process in processes:
        process.join(120)
        assert process.exitcode == 0


def predicted(api, project_id):
    params = {"project": project_id, "fields": "all", "page_size": TASKS}
    tasks = api.get("/api/tasks/", params=params).raise_for_status().json()["tasks"]
    return {task["id"]: [one["model_version"] for one in task["predictions"]] for task in tasks}


def executions(rooms, tasks, project_id):
    """How many tasks each job predicted; each task was predicted once."""
    logged = [rooms.serving.predictions.of_task(project_id, task_id) for task_id in tasks]
    assert all(len(predictions) == 1 for predictions in logged)
    return Counter(prediction.execution for predictions in logged for prediction in predictions)


def test_two_workers_share_one_refresh_and_predict_each_task_once(api, shared):
    rooms, settings, project_id = shared
    leading = start(shared, refresh)
    progress = until(rooms.queue.read_progress, 30)
    sharing = start(shared, refresh_share, 0)
    until(lambda: two_work(rooms))
    file_of(settings).touch()
    ends(sharing, leading)

    done = predicted(api, project_id)
    assert set(map(tuple, done.values())) == {(VERSION,)}
    by_job = executions(rooms, done, project_id)
    assert len(by_job) == 2
    assert min(by_job.values()) >= BATCH
    assert list(progress) == [f"refresh-{project_id}"]
    assert not is_due(rooms.serving, rooms.studio.projects.get(project_id))


@pytest.mark.parametrize("killed", ["the share", "the refresh"])
def test_what_a_killed_job_had_is_predicted_by_the_other_or_by_the_next(api, shared, killed):
    rooms, settings, project_id = shared
    leading = start(shared, refresh)
    until(rooms.queue.read_progress, 30)
    sharing = start(shared, refresh_share, 0)
    until(lambda: two_work(rooms))
    victim, other = (sharing, leading) if killed == "the share" else (leading, sharing)
    os.kill(victim.pid, signal.SIGKILL)
    file_of(settings).touch()
    ends(other)

    def is_done():  # the sweep asks again: a run does nothing as long as the killed one has its lock
        ends(start(shared, refresh))
        return not is_due(rooms.serving, rooms.studio.projects.get(project_id))

    if killed == "the refresh":
        until(is_done, 60)

    assert set(map(tuple, predicted(api, project_id).values())) == {(VERSION,)}
    assert not is_due(rooms.serving, rooms.studio.projects.get(project_id))


def two_work(rooms):
    """Whether two jobs have claimed tasks."""
    redis = rooms.queue._redis
    return len({holder for key in redis.scan_iter("loop:claims:*") for holder in redis.hvals(key)}) == 2
