"""Weights in the formats of other runtimes detect the same there."""

import cv2
import numpy as np
import pytest

from loop.errors import WeightsRefused
from loop.vision.elsewhere.convert import RuntimeFormat, convert
from loop.vision.ultralytics_setup import is_on_cpu, prepare_ultralytics
from loop.vision.ultralytics_weights import open_model
from tests.builders import full_disk
from tests.vision.builders import CLASSES, FLOOR, SIDE, make_images


def detect(file, image):
    """The boxes as ultralytics gives them to anybody who calls it, sorted."""
    prepare_ultralytics()
    from ultralytics import YOLO

    boxes = YOLO(str(file), task="detect")(image, imgsz=SIDE, conf=FLOOR, verbose=False, device="cpu")[0].boxes
    return sorted([*box.xyxy[0].tolist(), 100 * float(box.conf), int(box.cls)] for box in boxes)


def test_converted_weights_detect_the_same(weights, tmp_path):
    (image,) = make_images([(SIDE, 2 * SIDE)])
    cv2.imwrite(str(tmp_path / "image.png"), image)

    converted = convert(weights, RuntimeFormat.ONNX, tmp_path, "yolo_detector-1.2.0", SIDE)

    wanted = detect(weights, tmp_path / "image.png")
    assert converted.path == tmp_path / "yolo_detector-1.2.0.onnx"
    assert (converted.classes, converted.image_size) == (CLASSES, SIDE)
    assert len(wanted) > 3
    found = detect(converted.path, tmp_path / "image.png")
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours == pytest.approx(theirs, abs=0.5)
    assert not list(weights.parent.glob("*.onnx"))


def test_the_output_of_openvino_is_that_of_the_weights_in_any_size(weights, tmp_path):
    converted = convert(weights, RuntimeFormat.OPENVINO, tmp_path, "yolo_detector-1.2.0", SIDE)

    import openvino
    import torch

    (network,) = converted.path.glob("*.xml")
    compiled = openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    model = open_model(weights).model.float().eval()
    for size in ((SIDE, SIDE), (SIDE, 2 * SIDE)):
        noise = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            wanted = model(noise)[0].numpy()
        output = compiled(noise.numpy())[0]
        assert output.shape == wanted.shape
        assert np.abs(output - wanted).mean() < 0.01


def test_a_full_disk_is_no_fault_of_the_network(weights, tmp_path):
    with full_disk(100_000), pytest.raises(OSError, match="File too large"):
        convert(weights, RuntimeFormat.ONNX, tmp_path, "any", SIDE)


@pytest.mark.skipif(not is_on_cpu(""), reason="this machine has a GPU")
def test_an_engine_is_refused_where_there_is_no_gpu(weights, tmp_path):
    with pytest.raises(WeightsRefused, match=r"needs an NVIDIA GPU.*--format onnx"):
        convert(weights, RuntimeFormat.ENGINE, tmp_path, "any")


def test_what_is_no_detector_is_refused(tmp_path):
    (tmp_path / "any.pt").write_bytes(b"none")

    with pytest.raises(WeightsRefused):
        convert(tmp_path / "any.pt", RuntimeFormat.ONNX, tmp_path, "any")
