"""When new reviews ask for a training by themselves."""

import pytest

from loop.training.policy import RetrainPolicy

SETTINGS = RetrainPolicy(retrain_after=50, cool_down=600)


@pytest.mark.parametrize(
    ("new", "since_last", "since_cancelled", "is_due"),
    [
        pytest.param(50, None, None, True, id="enough-and-never-trained"),
        pytest.param(49, None, None, False, id="one-too-few"),
        pytest.param(50, 600, None, True, id="rested"),
        pytest.param(99, 599.9, None, False, id="not-rested-yet"),
        pytest.param(99, 700, 0, False, id="nothing-since-it-was-cancelled"),
        pytest.param(99, 700, 1, True, id="one-since-it-was-cancelled"),
        pytest.param(99, 599, 1, False, id="cancelled-and-not-rested"),
    ],
)
def test_reviews_ask_when_there_are_enough_and_the_last_training_is_long_over(new, since_last, since_cancelled, is_due):
    assert SETTINGS.is_due(new=new, since_last=since_last, since_cancelled=since_cancelled) is is_due


def test_a_project_decides_some_of_it_otherwise():
    assert SETTINGS.of({"cool_down": 5, "replay_share": 0.3}) == RetrainPolicy(retrain_after=50, cool_down=5)
