"""Passes that are captured and repeated give what plain passes give, are bounded, and end at a failure."""

import gc
import logging
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from loop.errors import DetectorBroken
from loop.vision.network import gpu_passes
from loop.vision.network.gpu_passes import DEVICE_LOCK, GpuPasses
from loop.vision.ultralytics_detector import UltralyticsDetector
from tests.vision.builders import FLOOR, SIDE, make_images, write_detector

SIZES = [(96, 96), (40, 60), (200, 300), (31, 500), (500, 31), (480, 640), (1, 1)]
HEADS = [
    pytest.param("yolov8n.yaml", id="v8", marks=pytest.mark.long),
    pytest.param("yolo11n.yaml", id="11"),
    pytest.param("yolo12n.yaml", id="12", marks=pytest.mark.long),
    pytest.param("yolo26n.yaml", id="26"),
]
SHAPES = [(32, 64, 3), (64, 32, 3), (64, 64, 3)]


class Recorder:
    """Repeats work by doing it again into the same memory, as a CPU has no graphs."""

    def __init__(self):
        self.captured, self.repeated, self.failure = 0, 0, None

    def use_stream(self):
        return nullcontext()

    def record(self, work):
        if self.failure:
            raise type(self.failure)(*self.failure.args)  # a new one: its traceback holds memory
        self.captured += 1
        output = torch.zeros_like(work())  # a capture computes nothing

        def repeat():
            if self.failure:
                raise type(self.failure)(*self.failure.args)  # a new one: its traceback holds memory
            self.repeated += 1
            output.copy_(work())

        return repeat, output


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def detector(weights):
    return UltralyticsDetector(weights, device="cpu", image_size=SIDE)


@pytest.fixture
def passes(detector, recorder):
    detector._gpu_passes = GpuPasses(detector.network, recorder)
    return detector._gpu_passes


@pytest.fixture
def images():
    return make_images(SIZES)


@pytest.fixture
def inputs():
    rng = np.random.default_rng(5)
    return [rng.integers(0, 256, shape, np.uint8) for shape in SHAPES]


def rows(detector, image, is_multi_label=False):
    return detector._rows(image, FLOOR, is_multi_label=is_multi_label)


@pytest.mark.parametrize("plan", HEADS)
@pytest.mark.parametrize("size", [SIDE, pytest.param(100, marks=pytest.mark.long)])
def test_detections_are_those_of_a_pass_by_ultralytics_to_the_bit(plan, size, images, recorder, tmp_path):
    weights = write_detector(tmp_path / "tiny.pt", plan, is_end_to_end=plan == "yolo26n.yaml")
    detector = UltralyticsDetector(weights, device="cpu", image_size=size)
    expected = [[rows(detector, image, is_multi) for is_multi in (False, True)] for image in images]
    detector._gpu_passes = GpuPasses(detector.network, recorder)

    for _ in range(2):  # a shape has two passes in each
        for image, pair in zip(images, expected, strict=True):
            for is_multi, wanted in zip((False, True), pair, strict=True):
                assert np.array_equal(rows(detector, image, is_multi), wanted)

    assert sum(len(wanted) for pair in expected for wanted in pair) > 100
    assert recorder.repeated > recorder.captured > 1


def test_the_second_image_of_a_shape_captures_and_further_ones_repeat(passes, recorder, inputs):
    counts = []
    for _ in range(4):
        passes.infer(inputs[0])
        counts.append((recorder.captured, recorder.repeated))

    assert counts == [(0, 0), (1, 1), (1, 2), (1, 3)]


def test_an_output_is_not_written_anew_by_the_next_pass(passes, inputs):
    passes.infer(inputs[0])
    output = passes.infer(inputs[0])
    before = output.copy()
    passes.infer(255 - inputs[0])

    assert np.array_equal(output, before)


def test_the_shape_used_least_recently_leaves_the_memory(passes, recorder, inputs, monkeypatch):
    monkeypatch.setattr(gpu_passes, "MOST_SHAPES", 2)
    first, second, third = inputs
    for pixels in (first, first, second, second):
        passes.infer(pixels)
    places = [weakref.ref(recording.device_output) for recording in passes._recordings.values()]

    passes.infer(first)
    passes.infer(third)  # in place of the second
    gc.collect()

    assert [*passes._recordings] == [first.shape, third.shape]
    assert places[0]() is not None
    assert places[1]() is None
    assert recorder.captured == 2


def test_threads_share_the_passes(passes, detector, images):
    alone = [rows(detector, image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        beside = list(pool.map(lambda image: rows(detector, image), images * 3))

    assert all(map(np.array_equal, beside, alone * 3))


@pytest.mark.parametrize("failure", [RuntimeError("operation not permitted"), torch.OutOfMemoryError("full")])
def test_a_capture_that_fails_is_the_last_and_images_are_still_detected_on(
    failure, passes, detector, recorder, images, caplog
):
    expected = [rows(detector, image) for image in images]
    before, recorder.failure = recorder.captured, failure

    with caplog.at_level(logging.WARNING, gpu_passes.__name__):
        found = [rows(detector, image) for image in images * 2]
    recorder.failure = None
    rows(detector, images[0])

    assert all(map(np.array_equal, found, expected * 2))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(failure) in caplog.text
    assert recorder.captured == before


def test_captured_passes_leave_the_memory_where_it_is_short(passes, recorder, inputs):
    for pixels in (inputs[0], inputs[0], inputs[1], inputs[1]):
        passes.infer(pixels)
    expected = passes.infer(inputs[0])
    places = [weakref.ref(recording.device_output) for recording in passes._recordings.values()]
    recorder.failure, left = torch.OutOfMemoryError("full"), []
    passes._network.register_forward_pre_hook(lambda *_: left.append([place() for place in places]))

    found = passes.infer(inputs[0])

    assert np.array_equal(found, expected)
    assert left == [[None, None]]


def test_a_detector_without_memory_for_a_plain_pass_is_broken(passes, detector, recorder, images):
    rows(detector, images[0])
    rows(detector, images[0])

    def fail(*_):
        raise torch.OutOfMemoryError("full")

    recorder.failure = torch.OutOfMemoryError("full")
    detector.network.register_forward_pre_hook(fail)

    with pytest.raises(DetectorBroken, match="full"):
        detector.detect(images[1:2], FLOOR)
    assert detector.is_broken


def test_a_detector_whose_maps_are_watched_passes_every_image_plainly(passes, detector, recorder, images):
    seen = []
    detector.watch(seen.append)

    for _ in range(3):
        detector.detect(images[:2], FLOOR)

    assert len(seen) == 6
    assert recorder.captured == 0


def test_no_pass_is_captured_while_a_detector_is_loaded(weights, monkeypatch):
    from ultralytics import YOLO

    predict, held = YOLO.predict, []

    def predict_and_look(*arguments, **options):
        held.append(DEVICE_LOCK.locked())
        return predict(*arguments, **options)

    monkeypatch.setattr(YOLO, "predict", predict_and_look)
    detector = UltralyticsDetector(weights, device="cpu", image_size=SIDE)

    assert held == [True]
    assert not DEVICE_LOCK.locked()
    assert detector._gpu_passes is None
