"""The jobs of an installation, and how one is cancelled."""

from dataclasses import replace
from datetime import timedelta

import pytest

from loop.errors import PayloadError, UpstreamError
from loop.installation.watching.jobs import cancel_job, list_jobs, read_job
from loop.job_queue.job_list import JobState, QueuedJob
from loop.job_queue.progress import JobProgress
from loop.training.store import Phase, TrainingState
from tests.builders import NOON
from tests.fakes import FakeQueue
from tests.swap import swap


def queued(job_id, state=JobState.RUNNING, *, project=1, **fields):
    work = job_id.split("-")[0]
    return QueuedJob(job_id, work, project, "default", state, NOON, NOON + timedelta(seconds=1), **fields)


@pytest.fixture
def installed(rooms):
    rooms.queue.listed = [
        queued("refresh-1"),
        queued("retrain-1"),
        queued("discover-2", JobState.FAILED, project=2, error="Traceback\n  File x\nValueError: no vectors"),
    ]
    return rooms


def test_each_job_has_the_progress_that_is_known_of_it(installed):
    training = installed.trainings.store.start(installed.trainings.store.ask(1, "by hand"))
    installed.trainings.store.reach(training.id, Phase.TRAINING, epoch=3, epochs=12, map50_95=0.25)
    installed.queue.note_progress("refresh-1", JobProgress(200, 100, 12.5))

    refresh, retrain, failed = list_jobs(installed.installation).jobs

    assert (refresh.line, refresh.share) == ("200 done, 100 left, 12.5 images a second, 8 s left", 200 / 300)
    assert (retrain.line, retrain.share) == ("training 1: epoch 3 of 12, mAP50-95 0.250", 0.25)
    assert (failed.line, failed.share) == ("ValueError: no vectors", None)


def test_the_jobs_of_a_project_are_its_own(installed):
    assert [job.id for job in list_jobs(installed.installation, 2).jobs] == ["discover-2"]


def test_a_redis_that_is_down_is_said(rooms):
    class Down(FakeQueue):
        def jobs(self):
            raise UpstreamError("Redis did not answer")

    report = list_jobs(swap(rooms, (rooms.queue, Down())).installation)

    assert (report.jobs, report.trouble) == ((), "Redis did not answer")


def test_cancelling_a_training_asks_it_to_stop_and_kills_nothing(installed):
    training = installed.trainings.store.start(installed.trainings.store.ask(1, "by hand"))

    line = cancel_job(installed.installation, "retrain-1")

    assert line.startswith("training 1 stops within seconds") or line == "training 1 is cancelled"
    assert installed.trainings.store.get(training.id).is_cancelled
    assert installed.queue.cancelled == []


def test_a_training_that_waits_is_cancelled_at_once(installed):
    installed.trainings.store.ask(1, "by hand")

    cancel_job(installed.installation, "retrain-1")

    assert installed.trainings.store.get(1).is_cancelled or (
        installed.trainings.store.get(1).state == TrainingState.CANCELLED
    )


def test_any_other_job_is_killed_or_removed(installed):
    assert cancel_job(installed.installation, "refresh-1").startswith("refresh-1 is stopped within seconds")
    assert cancel_job(installed.installation, "discover-2").startswith("discover-2 is removed")
    assert installed.queue.cancelled == ["refresh-1", "discover-2"]


def test_a_later_training_is_not_cancelled_in_place_of_the_one_that_a_page_showed(installed):
    trainings = installed.trainings.store
    trainings.ask(1, "by hand")
    shown = read_job(installed.installation, "retrain-1").run
    trainings.end(1, TrainingState.CANCELLED)
    later = trainings.ask(1, "by hand")

    with pytest.raises(PayloadError, match="training 2: the job of this page has ended"):
        cancel_job(installed.installation, "retrain-1", shown)

    assert not trainings.get(later.id).is_cancelled
    assert cancel_job(installed.installation, "retrain-1", "training 2").startswith("training 2")


def test_a_job_asked_for_later_is_not_cancelled_in_place_of_the_one_that_a_page_showed(installed):
    shown = read_job(installed.installation, "refresh-1").run
    installed.queue.listed[0] = replace(installed.queue.listed[0], asked_at=NOON + timedelta(hours=1))

    with pytest.raises(PayloadError, match="has ended"):
        cancel_job(installed.installation, "refresh-1", shown)

    assert installed.queue.cancelled == []


def test_a_job_that_is_not_there_is_an_error(rooms):
    with pytest.raises(PayloadError, match="`loop jobs list`"):
        cancel_job(rooms.installation, "nothing")
    assert read_job(rooms.installation, "nothing") is None
