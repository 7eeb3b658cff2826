"""The log of predictions."""

from tests.builders import region, served


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
