"""Predicting tasks."""

from loop.decisions.label_config import parse
from loop.decisions.ls_format import Task
from loop.decisions.predict import Served, predict
from loop.decisions.regions import Box
from tests.builders import CONFIG
from tests.fakes import FakeDetector, FakeImages

CAR, DOUBTFUL, DOG = (
    (Box(0, 0, 0.5, 0.5), "car", 0.9),
    (Box(0.5, 0.5, 1, 1), "person", 0.2),
    (Box(0, 0.5, 0.5, 1), "dog", 0.8),
)
TASKS = [Task(n, f"/data/{n}.jpg") for n in range(1, 4)]


def predicted(detector, tasks=TASKS, config=CONFIG, images=None, version="yolo_detector@1.0.0"):
    return list(predict(tasks, parse(config), Served(version, detector), images or FakeImages()))


def test_what_is_over_the_threshold_is_shown_and_what_is_over_the_floor_kept():
    suggestion = predicted(FakeDetector(CAR, DOUBTFUL))[0]

    assert [region.label for region in suggestion.shown] == ["Car"]
    assert [region.label for region in suggestion.hidden] == ["Person"]


def test_a_threshold_of_the_label_config_reaches_the_detector():
    detector = FakeDetector(CAR, (Box(0, 0, 1, 1), "person", 0.02))
    config = CONFIG.replace('toName="image">', 'toName="image" model_score_threshold="0.01">')

    suggestion = predicted(detector, config=config)[0]

    assert len(suggestion.shown) == 2
    assert max(detector.floors) <= 0.01


def test_a_class_that_the_config_lacks_is_left_out_and_counted():
    suggestion = predicted(FakeDetector(CAR, DOG))[0]

    assert [region.label for region in suggestion.shown] == ["Car"]
    assert suggestion.unmapped == 1


def test_a_broken_image_costs_only_itself():
    suggestions = predicted(FakeDetector(CAR), images=FakeImages(broken=[2]))

    assert [one.task_id for one in suggestions] == [1, 2, 3]
    assert [len(one.shown) for one in suggestions] == [1, 0, 1]
    assert "HTTP 404" in suggestions[1].error


def test_more_tasks_than_fit_at_once_keep_their_order():
    tasks = [Task(n, "/data/a.jpg") for n in range(100)]

    suggestions = predicted(FakeDetector(CAR), tasks, images=FakeImages(broken=range(0, 100, 7)))

    assert [one.task_id for one in suggestions] == list(range(100))
    assert [one.task_id for one in suggestions if one.error] == list(range(0, 100, 7))


def test_region_ids_are_the_same_for_the_same_version_and_differ_otherwise():
    def ids(version):
        found = predicted(FakeDetector(CAR, DOUBTFUL), version=version)
        return [region.id for one in found for region in (*one.shown, *one.hidden)]

    assert ids("a@1") == ids("a@1")
    assert len({*ids("a@1"), *ids("a@2")}) == 2 * len(ids("a@1"))


def test_without_a_detector_every_task_gets_an_empty_suggestion():
    assert [len(one.shown) for one in predicted(None)] == [0, 0, 0]


def test_no_task_gives_no_suggestion():
    assert predicted(FakeDetector(CAR), []) == []
