"""Trainings that are cancelled."""

from contextlib import nullcontext
from dataclasses import replace

import pytest

from loop.errors import UpstreamError
from loop.training.ask import ask_when_due
from loop.training.retrain import cancel, retrain
from loop.training.store import TrainingState
from tests.fakes import FakeQueue, Killed
from tests.swap import swap
from tests.training.builders import last, read_notices, review_tasks
from tests.training.fakes import Dying, Measuring


class Locks(FakeQueue):
    """A queue whose locks are free, or held by somebody else."""

    def __init__(self, is_free):
        super().__init__()
        self._is_free = is_free

    def alone(self, name):
        return nullcontext(self._is_free)


def test_a_training_that_only_waits_is_cancelled_at_once(asked):
    cancelled = cancel(swap(asked, (asked.queue, Locks(is_free=True))).trainings, 1)

    assert (cancelled.state, bool(cancelled.ended_at)) == (TrainingState.CANCELLED, True)
    assert retrain(asked.trainings, 1) == "no training asked for"
    assert read_notices(asked) == []


def test_a_training_that_runs_stops_at_its_next_look(asked):
    class Cancelling(Measuring):
        def evaluate(self, weights, data, framing=None, *labels):
            assert cancel(swap(asked, (asked.queue, Locks(is_free=False))).trainings, 1).state == TrainingState.RUNNING
            return super().evaluate(weights, data, framing, *labels)

    retrain(swap(asked, (asked.gate.evaluator, Cancelling())).trainings, 1)

    assert last(asked).state == TrainingState.CANCELLED
    assert asked.registry.versions.champion(1) is None


def test_with_redis_down_a_cancelled_training_ends_when_it_is_run(asked):
    class Down(FakeQueue):
        def alone(self, name):
            raise UpstreamError("Redis did not answer")

    cancel(swap(asked, (asked.queue, Down())).trainings, 1)
    retrain(asked.trainings, 1)

    assert last(asked).state == TrainingState.CANCELLED


def test_a_training_whose_outcome_is_known_can_no_longer_be_cancelled(asked):
    with pytest.raises(Killed):
        retrain(swap(asked, (asked.registry.versions, Dying(asked.registry.versions, "promote", "after"))).trainings, 1)

    cancel(swap(asked, (asked.queue, Locks(is_free=True))).trainings, 1)
    retrain(asked.trainings, 1)

    assert last(asked).status == "promoted"


def test_where_no_training_is_open_nothing_is_cancelled(rooms):
    assert cancel(rooms.trainings, 1) is None


def test_after_a_cancelled_training_the_same_reviews_ask_with_the_next_one(asked):
    asked = swap(asked, (asked.trainings.retrain_policy, replace(asked.trainings.retrain_policy, retrain_after=5)))
    cancel(swap(asked, (asked.queue, Locks(is_free=True))).trainings, 1)
    assert not ask_when_due(asked.trainings, 1)

    review_tasks(asked, [30])

    assert ask_when_due(asked.trainings, 1)
    assert last(asked).asked_by == "9 new reviews"
