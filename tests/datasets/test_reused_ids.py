"""A task under the id of a deleted one is another task, also to the split: its image is what keeps its side."""

import random

import numpy as np

from loop.datasets.split_store import ReviewedTask
from loop.reviews.standing import TASK
from tests.builders import NOON

SHARE, BITS = 0.3, 4


def reviewed(images):
    """One task for each number of an image, in their order; no two images look alike."""
    looks = {image: random.Random(image).getrandbits(64) for image in images}
    return [ReviewedTask(task, None, looks[image], f"{image:016x}") for task, image in enumerate(images, start=1)]


def freeze(rooms, images):
    """The side of each image."""
    seen = reviewed(images)
    rooms.datasets.splits.set_apart(1, {task.task_id: task.image for task in seen})
    split = rooms.datasets.splits.freeze(1, seen, share=SHARE, twin_bits=BITS)
    assert not split.leaks
    return {image: split.sides[task] for task, image in enumerate(images, start=1)}


def delete(rooms, count):
    rooms.reviews.store.delete(1, TASK, dict.fromkeys(range(1, count + 1), NOON))


def test_images_that_are_imported_again_in_another_order_stay_on_their_sides(rooms):
    images = list(range(30))
    before = freeze(rooms, images)
    delete(rooms, 30)

    assert freeze(rooms, images[::-1]) == before
    assert freeze(rooms, images[::-1]) == before
    delete(rooms, 30)
    assert freeze(rooms, [*range(10, 30), *range(10)]) == before


def test_an_image_that_is_replaced_does_not_change_the_side_of_its_task(rooms):
    before = freeze(rooms, list(range(30)))
    delete(rooms, 3)  # others

    replaced = freeze(rooms, [0, 1, 2, *range(103, 130)])

    assert {image - 100: side for image, side in replaced.items() if image > 100} == {
        image: side for image, side in before.items() if image > 2
    }


def test_an_image_whose_task_was_deleted_keeps_the_vector_that_finds_its_near_duplicates(rooms):
    images, vectors = list(range(30)), np.eye(30, dtype=np.float32)
    before = freeze(rooms, images)
    rooms.datasets.vectors.replace(1, "e", {task.task_id: task.image for task in reviewed(images)}, vectors)
    delete(rooms, 30)
    again = reviewed([image + 100 for image in images[::-1]])  # each looks otherwise, and has the vector of one before
    named = {task.task_id: task.image for task in again}

    rooms.datasets.splits.set_apart(1, named)
    rooms.datasets.vectors.replace(1, "e", named, vectors[::-1])
    embedded = rooms.datasets.vectors.read(1, "e", named, 0.95)
    split = rooms.datasets.splits.freeze(1, again, share=SHARE, twin_bits=BITS, embedded=embedded)

    assert {image: split.sides[30 - image] for image in images} == before
