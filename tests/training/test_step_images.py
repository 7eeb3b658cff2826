"""Over how many images an optimizer step is averaged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.training.step_images import NOMINAL, count_step_images


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


@given(st.integers(1, 10**6), st.integers(1, 500), st.integers(1, 63), st.integers(1, 5000))
def test_a_training_makes_the_steps_or_one_after_each_batch(images, epochs, batch, least_steps):
    step = count_step_images(images, epochs, batch, least_steps)

    assert batch <= step <= NOMINAL
    assert step == batch or images * epochs / step >= least_steps
