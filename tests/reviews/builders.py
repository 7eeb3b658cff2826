"""Records of a project beside a model of its Label Studio, and use cases on them that are killed."""

import os
import shutil
import signal
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

from loop.settings import Settings
from loop.training.after_reviews import review
from loop.wiring import build
from tests import child
from tests.builders import CONFIG, region, served
from tests.fakes import FakeImages, FakeQueue
from tests.swap import swap


def state(rooms):
    """All that a rebuild must agree on."""
    counted = rooms.reviews.store.find_counted(1)
    reviews = {
        task: (row.review.id, row.review.regions, row.review.updated_at, row.data) for task, row in counted.items()
    }
    unread = sorted((task, one.review.unread) for task, one in rooms.reviews.store.find_unread(1).items())
    verdicts = sorted((one.decision, one.version, one.label) for one in rooms.rates.store.read_verdicts(1))
    return reviews, verdicts, unread


@contextmanager
def connected(empty_records, folder, studio):
    """Parts on records in *folder* that know what was predicted for each task."""
    shutil.copy(empty_records, folder)
    with closing(_build(folder, studio)) as rooms:
        rooms.studio.projects.save(1, "Cars", CONFIG)
        for task in studio.tasks:
            rooms.serving.predictions.append([served(region("p"), region("q"), task=task["id"])])
        yield rooms


def arrive(rooms, *events):
    """Let events come."""
    for event in events:
        rooms.reviews.events.append(1, event["action"], event)


def run_and_be_killed(rooms, use_case, statement):
    """Run a use case in a process of its own, which is killed with -9 before its *statement*-th statement or commit."""
    folder, studio = Path(rooms.engine.url.database).parent, rooms.studio.client
    code = child.run(_run_and_die, folder, studio, use_case, statement)
    assert code in (0, -signal.SIGKILL)
    return code != 0


def _run_and_die(folder, studio, use_case, statement):
    with closing(_build(folder, studio)) as rooms:
        _die_at(statement)
        use_case(rooms.trainings, 1)


def _build(folder, studio):
    built = build(Settings.read({"LOOP_HOME": str(folder), "LOOP_RETRAIN_AFTER": "1000"}))
    return swap(built, (built.queue, FakeQueue()), (built.studio.client, studio), (built.vision.images, FakeImages()))


def _die_at(statement):
    left = [statement]

    def count(*_):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    sa.event.listen(sa.Engine, "commit", count)


def take(rooms, *events):
    for event in events:
        rooms.reviews.events.append(1, event["action"], event)
    return review(rooms.trainings, 1)


def decisions(rooms):
    return sorted((one.task_id, str(one.decision)) for one in rooms.rates.store.read_verdicts(1))
