"""Kills of work that goes on for a while, at random moments of it, and a job that waits for nobody."""

import json
import os
import signal
import time
from contextlib import contextmanager

from loop.training.ask import ask_training
from loop.training.store import TrainingState
from tests.chaos.studio_proxy import SILENT, WELL
from tests.services import children, names_of, until

IMPORTED = 12  # reviews
KILLS_IN_TRAINING, KILLS_IN_PROMOTION = 2, 4
TRAINED_ON = 16  # reviews at least


@contextmanager
def import_killed(installation):
    """The command that makes reviews in bulk; run again, it makes none twice."""
    tasks = installation.open_tasks(IMPORTED)
    decided = {task["id"]: installation.annotator.decide(task) for task in tasks}
    file = installation.home.parent / "import.jsonl"
    operations = [
        {"operation": "create", "key": f"chaos-{task}", "task": task, "result": result}
        for task, (result, _) in decided.items()
    ]
    file.write_text("\n".join(json.dumps(operation) for operation in operations))
    process = installation.start_loop("annotations", "import", str(file))
    time.sleep(installation.random.uniform(0.5, 5.0))
    _kill(process)
    installation.loop("annotations", "import", str(file))
    installation.annotator.decided.update({task: decisions for task, (_, decisions) in decided.items()})
    yield


@contextmanager
def training_killed(installation):
    """The worker that trains, at random moments, with reviews between them; the training goes on."""
    trainings, project_id = installation.rooms.trainings, installation.project_id
    for _ in range(TRAINED_ON):
        installation.annotator.review_next()
    until(lambda: trainings.reviews.store.new_since(project_id, None) >= TRAINED_ON, 120)
    ask_training(trainings, project_id, "chaos")
    (training,) = trainings.store.open(project_id)
    for _ in range(KILLS_IN_TRAINING):
        worker, job = until(lambda: _training_worker(installation), 120, every=0.05)
        installation.annotator.review_next()
        time.sleep(installation.random.uniform(0.0, 5.0))
        assert trainings.store.get(training.id).ended_at is None, "it ended before it could be killed"
        _kill(worker)
        installation.over_at = time.monotonic()
        until(lambda: not names_of([job]), 10)  # noqa: B023 (called here)
    yield

    def has_ended():
        last = trainings.store.get(training.id)
        assert last.state is not TrainingState.FAILED, last.error
        return last.ended_at and last.attempts > 1  # a kill may have come before the training was begun

    installation.afterwards = lambda: until(has_ended, 300)


def _training_worker(installation):
    """The worker that trains, with the process of its job; None where no training runs."""
    for worker in children(installation.up, "worker", "gpu", recursive=False):
        for job in worker.children():
            return worker, job
    return None


@contextmanager
def promotion_killed(installation):
    """
    The command that promotes: two times at any moment of it, and two times soon after its first write.

    Each time the version that does not serve is promoted; in the end a promotion runs to its end.
    """
    registry, project_id = installation.rooms.registry, installation.project_id
    champion = registry.versions.champion(project_id)
    names = {champion.name, registry.versions.add(project_id, champion.weights).name}

    def state():
        return registry.moves.last(project_id), registry.studio.projects.get(project_id).refresh_asked

    def promotion():
        (other,) = names - {registry.versions.champion(project_id).name}
        return ("models", "promote", other, "--force", "--why", "chaos")

    for number in range(KILLS_IN_PROMOTION):
        before, process = state(), installation.start_loop(*promotion())
        if number % 2:
            until(lambda: state() != before or process.poll() is not None, 60, every=0.005)  # noqa: B023
            time.sleep(installation.random.uniform(0.0, 0.03))
        else:
            time.sleep(installation.random.uniform(0.3, 4.0))
        _kill(process)
        serving = registry.versions.champion(project_id)
        assert serving.name in names
        serving.verify()
        installation.annotator.review_next()
    installation.loop(*promotion())
    installation.over_at = time.monotonic()
    yield
    serving = registry.versions.champion(project_id).name
    installation.afterwards = lambda: until(lambda: installation.project()["model_version"] == serving, 120)


@contextmanager
def jobs_wait_for_nobody(installation):
    """Label Studio takes requests and never answers them, also after it is well again: every worker waits for it."""
    installation.proxy.become(SILENT)
    try:
        installation.rooms.queue.ask_sync(installation.project_id)
        installation.rooms.studio.projects.ask_refresh(installation.project_id)
        installation.rooms.queue.ask_refresh(installation.project_id)
        until(lambda: installation.proxy.unanswered >= 2, 60)
        yield
    finally:
        installation.proxy.become(WELL)


def _kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
