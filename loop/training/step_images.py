"""How many images a batch has, over how many a step averages, and how many threads work on it on a CPU. Pure."""

from __future__ import annotations

NOMINAL = 64  # images of a step in ultralytics (`nbs`), which waits for so many where a batch has fewer

FEWEST = 4  # images a batch that is made smaller for more steps: measured in docs/learning.md
THREAD_PIXELS = 400_000  # of a batch, for each thread: measured in docs/benchmarks.md


def count_batch_images(images: int, epochs: int, batch: int, least_steps: int) -> int:
    """
    Return the images of a batch in a training of *epochs* over *images*: *batch*, or fewer where the images are few.

    So few that the training makes *least_steps* steps, but FEWEST at least.
    """
    if not least_steps:
        return batch
    return min(batch, max(FEWEST, images * epochs // least_steps))


def count_step_images(images: int, epochs: int, batch: int, least_steps: int) -> int:
    """
    Return the images of an optimizer step in a training of *epochs* over *images*: batches of *batch*, at most NOMINAL.

    So many that the training makes *least_steps* steps, but for a batch at least.
    """
    shown = images * epochs
    if batch >= NOMINAL or shown >= least_steps * NOMINAL:
        return NOMINAL
    return max(1, shown // least_steps // batch) * batch


def count_step_threads(batch: int, image_size: int, most: int) -> int:
    """
    Return the threads for the steps of a training on batches of *batch* images of *image_size* pixels a side.

    As many as have work, *most* at most: on a small batch they wait for each other longer than they compute.
    """
    return max(1, min(most, batch * image_size**2 // THREAD_PIXELS))
