"""Records of a project beside a model of its Label Studio, and use cases on them that are killed."""

import os
import shutil
import signal
from contextlib import closing, contextmanager
from dataclasses import replace

import sqlalchemy as sa

from loop.settings import Settings
from loop.training.after_reviews import review
from loop.wiring import build
from tests.builders import CONFIG, region, served
from tests.fakes import FakeImages, FakeQueue


def state(parts):
    """All that a rebuild must agree on."""
    counted = parts.reviews.counted(1)
    reviews = {
        task: (one.review.id, one.review.regions, one.review.updated_at, one.data) for task, one in counted.items()
    }
    unread = sorted((task, one.review.unread) for task, one in parts.reviews.unread(1).items())
    verdicts = sorted((one.decision, one.version, one.label) for one in parts.rates.judged(1))
    return reviews, verdicts, unread


@contextmanager
def connected(empty_records, folder, studio):
    """Parts on records in *folder* that know what was predicted for each task."""
    shutil.copy(empty_records, folder)
    with closing(build(Settings.read({"LOOP_HOME": str(folder), "LOOP_RETRAIN_AFTER": "1000"}))) as built:
        parts = replace(built, queue=FakeQueue(), label_studio=studio, images=FakeImages())
        parts.projects.save(1, "Cars", CONFIG)
        for task in studio.tasks:
            parts.predictions.append([served(region("p"), region("q"), task=task["id"])])
        yield parts


def arrive(parts, *events):
    """Let events come."""
    for event in events:
        parts.events.append(1, event["action"], event)


def run_and_be_killed(parts, use_case, statement):
    """Run a use case in a process of its own, which is killed with -9 before its *statement*-th statement or commit."""
    parts.engine.dispose()  # a fork must not share a connection
    child = os.fork()
    if not child:
        try:
            _die_at(statement)
            use_case(parts, 1)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _die_at(statement):
    left = [statement]

    def count(*_):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    sa.event.listen(sa.Engine, "commit", count)


def take(parts, *events):
    for event in events:
        parts.events.append(1, event["action"], event)
    return review(parts, 1)
