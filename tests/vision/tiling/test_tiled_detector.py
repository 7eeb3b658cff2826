"""A detector that looks at large images tile by tile."""

import time
import tracemalloc
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loop.vision.cpu.export import export
from loop.vision.cpu.openvino_detector import OpenVinoDetector
from loop.vision.detector import RawDetections
from loop.vision.tiling.tiled_detector import MOST_DETECTIONS, TiledDetector, detect_until
from loop.vision.tiling.tiles import Tiling
from loop.vision.ultralytics_detector import UltralyticsDetector
from tests.vision.builders import FLOOR, SIDE, make_images
from tests.vision.tiling.builders import SeesColours, fractions, paint

LARGE = (1000, 700)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 20)), max_size=20, unique=True), st.integers(128, 700))
def test_it_finds_what_the_detector_would_find_on_the_image_at_once(places, side):
    boxes = [(32 * x, 32 * y, 32 * x + 28, 32 * y + 25) for x, y in places]
    image = paint(LARGE, boxes)

    (found,) = TiledDetector(SeesColours(), Tiling.of(side, 0.25)).detect([image], 0.1)

    assert len(found) == len(boxes)
    for box in boxes:
        assert any(one.box.is_close_to(fractions(box, LARGE), 0.0001) for one in found)


def test_an_image_no_larger_than_a_tile_is_looked_at_at_once():
    detector = SeesColours()
    image = paint((300, 200), [(10, 10, 50, 60)])

    (found,) = TiledDetector(detector, Tiling(512, 100)).detect([image], 0.1)

    assert detector.sizes == [(300, 200)]
    assert found == detector.detect([image], 0.1)[0]


def test_places_on_a_long_image_are_as_exact_as_on_a_tile():
    size, box = (20_000, 2_000), (12_345, 1_000, 12_356, 1_009)

    (found,) = TiledDetector(SeesColours(), Tiling(640, 128)).detect([paint(size, [box])], 0.1)

    sides = np.array(astuple(found[0].box)) * [*size, *size]
    assert np.abs(sides - box).max() < 0.1


def test_a_long_image_takes_little_memory_beside_itself():
    image = paint((20_000, 2_000), [(12_345, 1_000, 12_356, 1_009)])
    detector = TiledDetector(SeesColours(), Tiling(640, 128))
    detector.detect([image[:700, :700]], 0.1)
    tracemalloc.start()

    detector.detect([image], 0.1)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.25 * image.nbytes


def test_no_tile_is_begun_after_the_deadline():
    detector = SeesColours()
    tiled, image = TiledDetector(detector, Tiling(256, 64)), paint(LARGE, [(10, 10, 50, 60)])

    assert detect_until(time.monotonic() - 1, tiled, image, 0.1) is None
    assert detector.sizes == []
    assert detect_until(time.monotonic() + 60, tiled, image, 0.1) == tiled.detect([image], 0.1)[0]


def test_a_detector_without_tiles_finishes_an_image_that_it_began():
    detector, image = SeesColours(), paint((300, 200), [(10, 10, 50, 60)])

    assert detect_until(time.monotonic() - 1, detector, image, 0.1) == detector.detect([image], 0.1)[0]


def test_the_detections_of_one_image_are_limited():
    class Crowded(SeesColours):
        def look(self, image, floor, *, is_multi_label=False):
            corners = np.stack(np.meshgrid(np.arange(0.1, 0.9, 0.05), np.arange(0.1, 0.9, 0.05)), -1).reshape(-1, 2)
            boxes = np.hstack([corners, corners + 0.01])
            return RawDetections(boxes, np.zeros(len(boxes), int), np.full(len(boxes), 0.5))

    assert len(TiledDetector(Crowded(), Tiling(128, 32)).look(paint(LARGE, []), 0.1).box) == MOST_DETECTIONS


@pytest.fixture(scope="module")
def detectors(weights, tmp_path_factory):
    trained = UltralyticsDetector(weights, device="cpu", image_size=SIDE)
    out = tmp_path_factory.mktemp("exported") / "tiny.openvino"
    export(trained, out)
    return [TiledDetector(one, Tiling(128, 32)) for one in (trained, OpenVinoDetector(out, image_size=SIDE))]


def rows(detector, image):
    raw = detector.look(image, FLOOR)
    return np.column_stack([raw.class_id, raw.confidence, raw.box])


def test_an_image_has_the_same_boxes_in_every_runtime_and_at_every_time(detectors):
    (image,) = make_images([(200, 300)])

    trained, exported = (rows(detector, image) for detector in detectors)

    assert len(trained) > 20
    assert abs(len(trained) - len(exported)) <= 0.02 * len(trained)
    assert sum(np.abs(exported - row).max(axis=1).min() <= 0.002 for row in trained) >= 0.97 * len(trained)
    for detector, before in zip(detectors, (trained, exported), strict=True):
        assert np.array_equal(rows(detector, image), before)
