"""Measuring detectors, and letting the better one through."""

import numpy as np
import pytest

from loop.evaluator import measure
from loop.gate import Metrics, rule
from loop.regions import Box, Detection
from tests.builders import region

IMAGE = np.zeros((10, 10, 3), np.uint8)
LEFT, RIGHT = Box(0.0, 0.0, 0.4, 0.4), Box(0.5, 0.5, 0.9, 0.9)
TRUTH = [(IMAGE, [region("1", "Car", LEFT), region("2", "Person", RIGHT)])] * 3


def measured(*found, truth=TRUTH):
    detections = [Detection(*one) for one in found]
    return measure(lambda images, floor: [detections for _ in images], truth, ["Car", "Person"])


def test_a_detector_that_is_always_right_reaches_all():
    metrics = measured((LEFT, "car", 0.9), (RIGHT, "person", 0.8))

    assert (metrics.map50, metrics.map50_95) == pytest.approx((0.995, 0.995), abs=0.006)
    assert (metrics.images, metrics.boxes) == (3, 6)


def test_a_detector_that_finds_nothing_reaches_nothing():
    assert measured() == Metrics(0.0, 0.0, 3, 6)


def test_the_right_place_under_the_wrong_name_is_wrong():
    assert measured((LEFT, "person", 0.9), (RIGHT, "car", 0.8)).map50 == 0.0


def test_classes_are_compared_by_name_not_by_number():
    assert measured((LEFT, "ball", 0.9), (LEFT, "CAR", 0.8)).map50 == pytest.approx(0.5, abs=0.01)


def test_a_rough_box_counts_at_half_overlap_only():
    rough = Box(0.0, 0.0, 0.4, 0.3)  # IoU 0.75

    metrics = measured((rough, "car", 0.9), (RIGHT, "person", 0.8))

    assert metrics.map50 > 0.98
    assert metrics.map50_95 == pytest.approx((0.6 + 1.0) / 2, abs=0.06)


def test_a_second_box_on_the_same_object_is_a_false_positive():
    twice = measured((LEFT, "car", 0.9), (LEFT, "car", 0.95), (RIGHT, "person", 0.8))

    assert twice.map50 < measured((LEFT, "car", 0.9), (RIGHT, "person", 0.8)).map50


def test_images_without_objects_and_detections_are_measured():
    assert measured(truth=[(IMAGE, [])]) == Metrics(0.0, 0.0, 1, 0)


@pytest.mark.parametrize(
    ("candidate", "champion", "passed"),
    [
        pytest.param(0.31, 0.30, True, id="better"),
        pytest.param(0.30, 0.30, False, id="as-good"),
        pytest.param(0.29, 0.30, False, id="worse"),
    ],
)
def test_only_a_better_candidate_passes(candidate, champion, passed):
    ruling = rule(Metrics(0.5, candidate, 10, 30), Metrics(0.5, champion, 10, 30))

    assert ruling.is_passed is passed
    assert f"{champion:.3f}" in ruling.reason


def test_different_splits_are_never_compared():
    with pytest.raises(ValueError, match="different splits"):
        rule(Metrics(0.5, 0.5, 10, 30), Metrics(0.5, 0.4, 11, 30))
