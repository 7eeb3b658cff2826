"""Measuring real weights, which know one class, `item`."""

import numpy as np
import pytest

from loop.detector import Detector
from loop.evaluator import measure
from scripts.demo import project, scenes


@pytest.fixture(scope="module")
def composed():
    """Scenes whose truth is what the start weights find on them, so that they are right about all of it."""
    known, _ = scenes.palettes()
    found = scenes.compose(known, 8, seed=3, prefix="e")
    images = [np.ascontiguousarray(np.asarray(scene.image)[:, :, ::-1]) for scene in found]
    detected = Detector(scenes.WARM_START, image_size=128).detect(images, 0.2)
    return [
        scenes.Scene(scene.name, scene.image, tuple((one.class_name, one.box) for one in boxes))
        for scene, boxes in zip(found, detected, strict=True)
    ]


@pytest.fixture
def measured(composed, tmp_path):
    """Measure the start weights where every object is called *label* and the classes are *names*."""

    def run(label, names):
        called = [scenes.Scene(one.name, one.image, tuple((label, box) for _, box in one.objects)) for one in composed]
        data = project.write_dataset(tmp_path / "-".join(names), names, called)
        return measure(scenes.WARM_START, data, image_size=128)

    return run


def test_classes_are_matched_by_name_and_not_by_number(measured):
    alone = measured("item", ["item"])
    among = measured("ITEM", ["Car", "ITEM", "Person"])

    assert alone.map50 > 0.8
    assert among == alone


def test_weights_that_are_older_than_the_name_of_a_class_are_understood(composed, tmp_path):
    called = [scenes.Scene(one.name, one.image, tuple(("Thing", box) for _, box in one.objects)) for one in composed]
    data = project.write_dataset(tmp_path / "renamed", ["Car", "Thing"], called)
    with data.open("a") as file:
        file.write("former_names:\n  item: 1\n")

    assert measure(scenes.WARM_START, data, image_size=128).map50 > 0.8


def test_the_right_place_under_another_name_counts_for_nothing(measured, composed):
    metrics = measured("Car", ["Car", "Person"])

    assert (metrics.map50, metrics.map50_95) == (0.0, 0.0)
    assert (metrics.images, metrics.boxes) == (8, sum(len(one.objects) for one in composed))


def test_objects_that_the_weights_have_no_class_for_are_still_counted(measured, composed):
    """Ultralytics alone would leave their labels out, and so praise weights that know less."""
    metrics = measured("Person", ["item", "Person"])

    assert metrics.boxes == sum(len(one.objects) for one in composed)
    assert metrics.map50 == 0.0
