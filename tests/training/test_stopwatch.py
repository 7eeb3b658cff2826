"""Where the seconds of a training went."""

import time

from loop.training.retrain import retrain
from loop.training.stopwatch import Stage, Stopwatch, seconds_of, spend
from tests.training.builders import last


def test_the_seconds_since_the_last_lap_go_to_the_stage_that_ends():
    began, stopwatch = time.monotonic(), Stopwatch()
    for pause, stage in ((0.02, Stage.LOAD), (0.2, Stage.STEP), (0.02, Stage.LOAD)):
        time.sleep(pause)
        stopwatch.lap(stage)

    seconds = stopwatch.take()

    assert set(seconds) == {"load", "step"}
    assert (seconds["load"] >= 0.04, seconds["step"] >= 0.2) == (True, True)
    assert sum(seconds.values()) <= time.monotonic() - began
    assert stopwatch.take() == {}


def test_seconds_add_up_over_all_starts_in_the_order_of_the_stages(rooms):
    training = rooms.trainings.store.ask(1, "a test")

    spend(rooms.trainings.store, training.id, {"gate": 1.0, "step": 2.0})
    spend(rooms.trainings.store, training.id, {Stage.STEP: 0.5})

    assert list(seconds_of(last(rooms)).items()) == [("step", 2.5), ("gate", 1.0)]


def test_the_record_of_a_training_has_the_seconds_of_each_stage(asked):
    retrain(asked.trainings, 1)

    seconds = seconds_of(last(asked))
    assert list(seconds) == ["wait", "snapshot", "train", "measure", "register", "export", "gate"]
    assert all(each >= 0 for each in seconds.values())
