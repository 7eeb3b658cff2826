"""How many images a batch has, over how many an optimizer step is averaged, and how many threads work on it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.training.step_images import FEWEST, NOMINAL, count_batch_images, count_step_images, count_step_threads
from loop.training.trainer import TrainingPolicy


@pytest.mark.parametrize(
    ("images", "epochs", "batch", "least_steps", "step"),
    [
        pytest.param(40, 50, 16, 500, 16, id="few images: a step after each batch"),
        pytest.param(400, 50, 16, 500, 32, id="more images: after each second batch"),
        pytest.param(640, 50, 16, 500, 64, id="enough images: as ultralytics"),
        pytest.param(100_000, 50, 24, 500, 64, id="as ultralytics, also where its batches do not divide 64"),
        pytest.param(40, 50, 16, 0, 64, id="turned off"),
        pytest.param(40, 50, 128, 500, 64, id="a batch is a step already"),
        pytest.param(1, 1, 16, 500, 16, id="one image"),
    ],
)
def test_a_step_is_averaged_over_fewer_images_where_a_training_has_few(images, epochs, batch, least_steps, step):
    assert count_step_images(images, epochs, batch, least_steps) == step


@pytest.mark.parametrize(
    ("batch", "image_size", "most", "threads"),
    [
        pytest.param(4, 160, 8, 1, id="a small batch"),
        pytest.param(1, 32, 8, 1, id="a tiny one"),
        pytest.param(8, 320, 8, 2, id="larger"),
        pytest.param(16, 640, 8, 8, id="all threads have work"),
        pytest.param(16, 640, 1, 1, id="no more than there are"),
    ],
)
def test_a_step_is_worked_on_by_as_many_threads_as_have_work(batch, image_size, most, threads):
    assert count_step_threads(batch, image_size, most) == threads


@pytest.mark.parametrize(
    ("images", "batch", "devices", "used"),
    [
        pytest.param(40, 16, "cpu", 4, id="few images"),
        pytest.param(10, 16, "cpu", FEWEST, id="very few images"),
        pytest.param(75, 16, "0", 7, id="more images"),
        pytest.param(160, 16, "0", 16, id="enough images"),
        pytest.param(75, 16, "0,1", 8, id="as many for each device"),
        pytest.param(10, 2, "cpu", 2, id="a setting that asks for fewer"),
        pytest.param(0, 16, "cpu", FEWEST, id="no image"),
    ],
)
def test_batches_are_smaller_where_a_training_has_few_images(images, batch, devices, used):
    assert TrainingPolicy(epochs=50, batch=batch, device=devices).fit(images).batch == used


def test_batches_are_as_they_are_set_where_the_steps_are_not_asked_for():
    assert TrainingPolicy(least_steps=0).fit(10) == TrainingPolicy(least_steps=0)


@given(st.integers(1, 10**5), st.integers(1, 500), st.integers(1, 256), st.integers(1, 5000))
def test_a_training_makes_the_steps_unless_a_batch_is_as_small_as_it_gets(images, epochs, batch, least_steps):
    used = count_batch_images(images, epochs, batch, least_steps)

    assert min(FEWEST, batch) <= used <= batch
    assert used <= FEWEST or images * epochs / used >= least_steps
    assert used == batch or images * epochs / (used + 1) < least_steps


@given(st.integers(1, 10**6), st.integers(1, 500), st.integers(1, 63), st.integers(1, 5000))
def test_a_training_makes_the_steps_or_one_after_each_batch(images, epochs, batch, least_steps):
    step = count_step_images(images, epochs, batch, least_steps)

    assert batch <= step <= NOMINAL
    assert step == batch or images * epochs / step >= least_steps
