"""Predicting tasks."""

import time

import pytest

from loop.label_studio.label_config import parse
from loop.label_studio.payloads import Task
from loop.regions import Box
from loop.registry.loaded_version import LoadedVersion
from loop.serving.pre_annotate import rank
from loop.serving.predict import predict
from loop.serving.queue_order import Ranking, task_score
from loop.vision.tiling.tiled_detector import TiledDetector
from loop.vision.tiling.tiles import Tiling
from tests.builders import CONFIG
from tests.fakes import FakeDetector, FakeImages
from tests.vision.tiling.builders import SeesColours

CAR, DOUBTFUL, DOG = (
    (Box(0, 0, 0.5, 0.5), "car", 0.9),
    (Box(0.5, 0.5, 1, 1), "person", 0.2),
    (Box(0, 0.5, 0.5, 1), "dog", 0.8),
)
TASKS = [Task(n, f"/data/{n}.jpg") for n in range(1, 4)]


def predicted(detector, tasks=TASKS, config=CONFIG, images=None, version="yolo_detector@1.0.0"):
    return list(predict(tasks, parse(config), LoadedVersion(version, detector), images or FakeImages()))


def scored(suggestion):
    (ranked,) = rank(Ranking(), 1, [suggestion])
    return ranked.score


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


SECOND = (Box(0, 0, 0.5, 0.48), "person", 0.4)


def test_of_two_boxes_on_one_object_the_surer_is_shown_and_the_other_kept_as_its_double():
    suggestion = predicted(FakeDetector(CAR, SECOND, DOUBTFUL))[0]

    (shown,) = suggestion.shown
    assert shown.label == "Car"
    assert [(region.label, region.double_of) for region in suggestion.hidden] == [("Person", shown.id), ("Person", "")]
    assert suggestion.notes() == {shown.id: "less sure: Person 0.40"}


def test_a_double_counts_for_the_queue_as_the_shown_box_that_it_was():
    suggestion = predicted(FakeDetector(CAR, SECOND, DOUBTFUL))[0]

    assert scored(suggestion) == task_score([0.9, 0.4, 0.2], 0.25)


def test_a_double_with_the_same_label_needs_no_note():
    suggestion = predicted(FakeDetector(CAR, (SECOND[0], "car", 0.4)))[0]

    assert len(suggestion.shown) == 1
    assert suggestion.notes() == {}


def test_both_boxes_are_shown_where_an_object_may_have_several_labels():
    several = CONFIG.replace('toName="image">', 'toName="image" choice="multiple">')

    suggestion = predicted(FakeDetector(CAR, SECOND), config=several)[0]

    assert [region.label for region in suggestion.shown] == ["Car", "Person"]


def test_a_class_that_the_config_lacks_is_left_out_and_counted():
    suggestion = predicted(FakeDetector(CAR, DOG))[0]

    assert [region.label for region in suggestion.shown] == ["Car"]
    assert suggestion.unmapped == 1
    assert suggestion.foreign == ()  # all labels are classes: nothing else could be its label


def test_a_class_that_the_config_lacks_is_kept_for_labels_that_no_class_is():
    suggestion = predicted(FakeDetector(CAR, DOG, class_names=("car", "dog")))[0]

    assert [(region.label, region.score) for region in suggestion.foreign] == [("dog", 0.8)]
    assert suggestion.unmapped == 1
    assert scored(suggestion) == pytest.approx(0.9)  # of what is shown


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


def ids(*rows, version="a@1", task=1):
    (suggestion,) = predicted(FakeDetector(*rows), [Task(task, "/data/a.jpg")], version=version)
    return [region.id for region in (*suggestion.shown, *suggestion.hidden)]


def test_the_same_answer_has_the_same_ids():
    assert ids(CAR, DOUBTFUL) == ids(CAR, DOUBTFUL)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"version": "a@2"}, id="another-version"),
        pytest.param({"task": 2}, id="another-task"),
        pytest.param({"box": Box(0, 0, 0.5, 0.5001)}, id="another-box"),
        pytest.param({"name": "person"}, id="another-label"),
    ],
)
def test_regions_of_other_content_have_other_ids(other):
    box, name = other.pop("box", CAR[0]), other.pop("name", CAR[1])

    assert ids(CAR) != ids((box, name, 0.9), **other)


def test_a_region_keeps_its_id_whatever_is_found_beside_it():
    """A rank would move up where a more confident box comes in: another box under the same id."""
    (first,) = ids(CAR)

    assert ids((Box(0.2, 0.2, 0.9, 0.9), "car", 0.95), CAR)[1] == first


def test_boxes_that_are_found_twice_have_an_id_each():
    twice = ids(CAR, (CAR[0], CAR[1], 0.7), (CAR[0], CAR[1], 0.1))

    assert len(set(twice)) == 3
    assert twice[0] == ids(CAR)[0]


def test_without_a_detector_every_task_gets_an_empty_suggestion():
    assert [len(one.shown) for one in predicted(None)] == [0, 0, 0]


def test_no_task_gives_no_suggestion():
    assert predicted(FakeDetector(CAR), []) == []


class SlowImages(FakeImages):
    """Images that take a while, one after the other."""

    def map(self, work, tasks, *, at_once=1):
        for task in tasks:
            time.sleep(0.05)
            yield from super().map(work, [task])


def test_tasks_that_cannot_be_begun_in_time_have_an_empty_suggestion_each_at_the_end():
    tasks = [Task(n, "/data/a.jpg") for n in range(1, 41)]
    served, deadline = LoadedVersion("yolo_detector@1.0.0", FakeDetector(CAR)), time.monotonic() + 0.5

    suggestions = list(predict(tasks, parse(CONFIG), served, SlowImages(), deadline))

    late = [one.is_late for one in suggestions]
    assert [one.task_id for one in suggestions] == list(range(1, 41))
    assert late == sorted(late)
    assert 0 < sum(late) < 40
    assert all(bool(one.shown) != one.is_late == (one.error is not None) for one in suggestions)


def test_an_image_that_was_fetched_in_time_is_not_detected_on_after_it():
    class SlowDetector(FakeDetector):
        def detect(self, images, floor):
            time.sleep(0.05)
            return super().detect(images, floor)

    tasks = [Task(n, "/data/a.jpg") for n in range(1, 41)]
    served, deadline = LoadedVersion("yolo_detector@1.0.0", SlowDetector(CAR)), time.monotonic() + 0.5

    suggestions = list(predict(tasks, parse(CONFIG), served, FakeImages(), deadline))

    assert time.monotonic() < deadline + 0.5
    assert 0 < sum(one.is_late for one in suggestions) < 40


def test_an_image_whose_tiles_take_too_long_is_left_to_the_job():
    class SlowOnTiles(SeesColours):
        def look(self, image, floor, *, is_multi_label=False):
            time.sleep(0.05)
            return super().look(image, floor)

    served = LoadedVersion("yolo_detector@1.0.0", TiledDetector(SlowOnTiles(), Tiling(100, 20)))
    deadline = time.monotonic() + 0.3

    suggestions = list(predict(TASKS, parse(CONFIG), served, FakeImages(size=(480, 640)), deadline))

    assert time.monotonic() < deadline + 0.3
    assert [one.is_late for one in suggestions] == [True, True, True]
