"""Over how many images a training averages each optimizer step. Pure."""

from __future__ import annotations

NOMINAL = 64  # images of a step in ultralytics (`nbs`), which waits for so many where a batch has fewer


def count_step_images(images: int, epochs: int, batch: int, least_steps: int) -> int:
    """
    Return the images of an optimizer step in a training of *epochs* over *images*: batches of *batch*, at most NOMINAL.

    So many that the training makes *least_steps* steps, but for a batch at least.
    """
    shown = images * epochs
    if batch >= NOMINAL or shown >= least_steps * NOMINAL:
        return NOMINAL
    return max(1, shown // least_steps // batch) * batch
