"""An exported detector detects as its trained weights do, for every head, and imports and calls nothing else."""

import socket
import subprocess
import sys
from dataclasses import astuple

import numpy as np
import pytest

from loop.errors import WeightsRefused
from loop.vision.cpu.export import export
from loop.vision.cpu.openvino_detector import OpenVinoDetector
from loop.vision.ultralytics_detector import UltralyticsDetector
from tests.vision.builders import CLASSES, FLOOR, SIDE, make_images, write_detector

SIZES = [(96, 96), (40, 60), (200, 300), (31, 500), (500, 31), (480, 640)]
HEADS = [
    pytest.param("yolov8n.yaml", id="v8", marks=pytest.mark.long),
    pytest.param("yolo11n.yaml", id="11"),
    pytest.param("yolo12n.yaml", id="12", marks=pytest.mark.long),
    pytest.param("yolo26n.yaml", id="26"),
]
NEAR = 0.002  # of the image and of confidence; random weights multiply the noise of float32


@pytest.fixture(scope="module")
def images():
    return make_images(SIZES)


@pytest.fixture(scope="module")
def trained(weights):
    return UltralyticsDetector(weights, device="cpu", image_size=SIDE)


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """The file of an export that was written without a connection."""
    out = tmp_path_factory.mktemp("exported") / "tiny.openvino"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", None)
        patch.setattr(socket, "getaddrinfo", None)
        export(trained, out)
    return out


def rows(detector, image, **options):
    raw = detector.look(image, FLOOR, **options)
    return np.column_stack([raw.class_id, raw.confidence, raw.box])


@pytest.mark.parametrize("plan", HEADS)
def test_an_export_detects_what_its_weights_detect(plan, images, tmp_path):
    is_end_to_end = plan == "yolo26n.yaml"
    weights = write_detector(tmp_path / "tiny.pt", plan, is_end_to_end=is_end_to_end)
    trained = UltralyticsDetector(weights, device="cpu", image_size=SIDE)
    export(trained, tmp_path / "tiny.openvino")
    exported = OpenVinoDetector(tmp_path / "tiny.openvino", image_size=SIDE)
    paired = total = 0

    for image in images:
        for is_multi_label in (False, True):
            wanted = rows(trained, image, is_multi_label=is_multi_label)
            found = rows(exported, image, is_multi_label=is_multi_label)
            total += len(wanted)
            assert abs(len(wanted) - len(found)) <= 1
            paired += sum(bool(len(found)) and np.abs(found - row).max(axis=1).min() <= NEAR for row in wanted)

    assert trained.is_end_to_end is is_end_to_end
    assert (exported.class_names, exported.image_size) == (CLASSES, SIDE)
    assert total > 100
    assert paired >= 0.99 * total


def test_a_size_between_two_strides_is_rounded_up_as_for_trained_weights(weights, exported, images):
    detectors = [UltralyticsDetector(weights, device="cpu", image_size=100), OpenVinoDetector(exported, image_size=100)]

    for image in images:
        wanted, found = (rows(detector, image) for detector in detectors)
        assert len(wanted) == len(found)
        assert sum(np.abs(found - row).max(axis=1).min() <= NEAR for row in wanted) >= 0.99 * len(wanted)


def test_detections_have_names_and_lie_on_the_image(exported, images):
    for detections in OpenVinoDetector(exported, image_size=SIDE).detect(images, FLOOR):
        for detection in detections:
            assert detection.class_name in CLASSES
            assert all(0 <= number <= 1 and number == round(number, 4) for number in astuple(detection.box))


def test_a_damaged_export_is_refused(tmp_path):
    (tmp_path / "half.openvino").write_bytes(b"PK\x03\x04")

    with pytest.raises(WeightsRefused, match="exported detector that detects nothing here"):
        OpenVinoDetector(tmp_path / "half.openvino")


def test_exports_of_one_detector_have_the_same_bytes(trained, exported, tmp_path):
    export(trained, tmp_path / "again.openvino")

    assert (tmp_path / "again.openvino").read_bytes() == exported.read_bytes()


def test_an_export_that_computes_otherwise_is_refused(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("loop.vision.cpu.export.MOST_PIXELS", -1.0)

    with pytest.raises(WeightsRefused, match="an export whose output differs by"):
        export(trained, tmp_path / "other.openvino")

    assert list(tmp_path.iterdir()) == []


ALONE = """
import sys
from pathlib import Path
import numpy as np

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise SystemExit(f"{event} {arguments}")

sys.addaudithook(refuse)
from loop.vision.cpu.openvino_detector import OpenVinoDetector

detector = OpenVinoDetector(Path(sys.argv[1]))
detector.detect([np.zeros((90, 160, 3), np.uint8)], 0.01)
heavy = {name.partition(".")[0] for name, module in sys.modules.items() if module}
print(sorted(heavy & {"torch", "torchvision", "ultralytics", "matplotlib", "scipy", "openvino_telemetry", "nncf"}))
"""


def test_a_process_that_serves_an_export_imports_neither_torch_nor_ultralytics_and_calls_nobody(exported):
    done = subprocess.run([sys.executable, "-c", ALONE, str(exported)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
