"""Where the seconds of a training went."""

from loop.training.retrain import retrain
from loop.training.stopwatch import Stage, Stopwatch, seconds_of, spend
from tests.training.builders import last


def test_the_seconds_since_the_last_lap_go_to_the_stage_that_ends():
    stopwatch = Stopwatch()
    stopwatch.lap(Stage.LOAD)
    stopwatch.lap(Stage.STEP)
    stopwatch.lap(Stage.LOAD)

    assert set(stopwatch.take()) == {"load", "step"}
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
