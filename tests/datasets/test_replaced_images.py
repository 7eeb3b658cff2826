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


@pytest.mark.parametrize("was_learned", [True, False], ids=["after-a-dataset-had-it", "before"])
def test_an_image_that_was_replaced_after_its_review_is_left_out_and_named(rooms, reviewed, predict, was_learned):
    predict(f"{TASK}.jpg")
    for task in range(1, 13):
        reviewed(task)
    if was_learned:
        assert TASK in tasks_of(rooms)[0]
    rooms.reviews.store.forget(1)
    for task in range(1, 13):
        reviewed(task, image="99.jpg" if task == TASK else None)

    for _ in range(2):
        tasks, left_out = tasks_of(rooms)
        assert TASK not in tasks
        assert left_out == {Reason.REPLACED: [TASK]}


@pytest.mark.parametrize("is_there", [True, False], ids=["copied", "moved"])
def test_an_image_that_only_has_another_address_stays(rooms, reviewed, predict, server, is_there):
    (server[0] / "copy.jpg").write_bytes(photo(str(TASK)))
    predict(f"{TASK}.jpg" if is_there else "gone.jpg")
    for task in range(1, 13):
        reviewed(task, image="copy.jpg" if task == TASK else None)

    tasks, left_out = tasks_of(rooms)

    assert TASK in tasks
    assert left_out == {}


def test_a_review_after_a_prediction_of_the_new_image_is_of_that_image(rooms, reviewed, predict):
    predict(f"{TASK}.jpg", -2)
    predict("99.jpg", -1)
    predict("98.jpg", 1)
    for task in range(1, 13):
        reviewed(task, image="99.jpg" if task == TASK else None)

    assert TASK in tasks_of(rooms)[0]
