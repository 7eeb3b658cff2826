"""An image that was replaced after its review is in no dataset: the boxes are of the old one."""

import pytest

from loop.datasets.assemble import assemble
from loop.datasets.snapshots import Reason
from tests.builders import region, served
from tests.datasets.builders import photo

TASK = 3


@pytest.fixture
def predict(rooms, server):
    """Log a prediction of the image of a task, before its review or so many minutes after it."""

    folder, url = server
    (folder / f"{TASK}.jpg").write_bytes(photo(str(TASK)))

    def log(image, minutes=-1):
        entry = served(region("p"), task=TASK, image=f"{url}/{image}", minutes=minutes)
        rooms.serving.predictions.append([entry])

    return log


def tasks_of(rooms):
    snapshot = assemble(rooms.datasets, 1)
    return {item.task for item in snapshot.items()}, snapshot.report["left_out"]


def review_all(reviewed, image=None):
    for task in range(1, 13):
        reviewed(task, image=image if task == TASK else None)


def test_an_image_that_was_replaced_after_its_review_is_left_out_and_named(rooms, reviewed, predict):
    predict(f"{TASK}.jpg")
    review_all(reviewed)
    assert TASK in tasks_of(rooms)[0]
    rooms.reviews.store.forget(1)
    review_all(reviewed, "99.jpg")

    for _ in range(2):
        tasks, left_out = tasks_of(rooms)
        assert TASK not in tasks
        assert left_out == {Reason.REPLACED: [TASK]}


def test_an_image_that_only_has_another_address_stays(rooms, reviewed, predict, server):
    (server[0] / "copy.jpg").write_bytes(photo(str(TASK)))
    predict(f"{TASK}.jpg")
    review_all(reviewed)
    assert TASK in tasks_of(rooms)[0]
    rooms.reviews.store.forget(1)
    review_all(reviewed, "copy.jpg")

    tasks, left_out = tasks_of(rooms)

    assert TASK in tasks
    assert left_out == {}


def test_nothing_is_fetched_from_an_old_address_which_may_not_answer(rooms, reviewed, predict, settings):
    predict(f"{TASK}.jpg")
    review_all(reviewed, "99.jpg")

    tasks, left_out = tasks_of(rooms)

    assert (TASK in tasks, left_out) == (True, {})
    assert len([*(settings.home / "images").rglob("*.jpg")]) == len(tasks)


def test_a_review_after_a_prediction_of_the_new_image_is_of_that_image(rooms, reviewed, predict):
    predict(f"{TASK}.jpg", -2)
    review_all(reviewed)
    assert TASK in tasks_of(rooms)[0]
    predict("99.jpg", -1)
    predict("98.jpg", 1)
    rooms.reviews.store.forget(1)
    review_all(reviewed, "99.jpg")

    assert TASK in tasks_of(rooms)[0]
