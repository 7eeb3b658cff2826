"""The log of predictions."""

from loop.reviews.standing import TASK
from tests.builders import NOON, region, served


def test_a_prediction_served_again_is_logged_once(rooms):
    rooms.serving.predictions.append([served(region("a", score=0.5))])
    rooms.serving.predictions.append([served(region("a", score=0.5), minutes=0)])

    assert len(rooms.serving.predictions.of_task(1, 1)) == 1


def test_a_prediction_of_another_version_is_logged_too(rooms):
    rooms.serving.predictions.append([served(region("a", score=0.5))])
    rooms.serving.predictions.append([served(region("a", score=0.5), version="yolo_detector@2.0.0")])

    assert [one.version for one in rooms.serving.predictions.of_task(1, 1)] == [
        "yolo_detector@1.0.0",
        "yolo_detector@2.0.0",
    ]


def test_a_task_under_the_id_of_a_deleted_one_is_logged_again_though_it_looks_the_same(rooms):
    rooms.serving.predictions.append([served(region("a", score=0.5))])
    rooms.reviews.store.delete(1, TASK, {1: NOON})

    rooms.serving.predictions.append([served(region("a", score=0.5), minutes=1)])

    assert list(rooms.serving.predictions.read_open(1, "yolo_detector@1.0.0")) == [1]
