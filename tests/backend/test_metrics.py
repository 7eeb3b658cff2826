"""Metrics that come from the records."""

from loop.training.stopwatch import Stage, spend
from tests.backend.builders import AUTH


def test_metrics_have_the_seconds_of_the_newest_training_by_stage(client, rooms):
    training = rooms.trainings.store.ask(1, "a test")
    spend(rooms.trainings.store, training.id, {Stage.STEP: 12.5})

    text = client.get("/metrics", headers=AUTH).text

    assert 'loop_training_seconds{project="1",stage="step"} 12.5' in text
