"""An export in 8 bits detects nearly what the one in 32 does, from the same images always the same; or says why not."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from loop.errors import WeightsRefused
from loop.vision.cpu.export import export
from loop.vision.cpu.openvino_detector import OpenVinoDetector
from loop.vision.cpu.quantise import MOST_IMAGES, choose_images, quantise
from loop.vision.cpu.tuning import Tuning
from loop.vision.ultralytics_detector import UltralyticsDetector
from tests.vision.builders import FLOOR, SIDE, make_images


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Four image files of other shapes."""
    folder = tmp_path_factory.mktemp("images")
    paths = [folder / f"{number}.png" for number in range(4)]
    for path, image in zip(paths, make_images([(96, 96), (60, 90), (90, 60), (200, 300)]), strict=True):
        cv2.imwrite(str(path), image)
    return paths


@pytest.fixture(scope="module")
def exported(weights, tmp_path_factory):
    out = tmp_path_factory.mktemp("exported") / "wide.openvino"
    export(UltralyticsDetector(weights, device="cpu", image_size=SIDE), out)
    return out


@pytest.fixture(scope="module")
def narrow(exported, images, tmp_path_factory):
    out = tmp_path_factory.mktemp("narrow") / "narrow.openvino"
    quantise(exported, images, out, SIDE)
    return out


def test_an_export_in_8_bits_is_smaller_and_detects_nearly_the_same(exported, narrow):
    wide, small = (OpenVinoDetector(file, image_size=SIDE) for file in (exported, narrow))
    image = make_images([(90, 120)])[0]

    wanted, found = wide.look(image, FLOOR), small.look(image, FLOOR)

    assert narrow.stat().st_size < 0.5 * exported.stat().st_size
    assert small.class_names == wide.class_names
    assert len(wanted.confidence) > 10
    assert 0.5 < len(found.confidence) / len(wanted.confidence) < 2
    nearest = [np.abs(found.box - box).max(axis=1).min() for box in wanted.box]
    assert np.median(nearest) < 0.02


def test_in_8_bits_too_the_boxes_do_not_depend_on_threads_and_on_images_beside(narrow):
    image = make_images([(90, 120)])[0]

    def look(tuning):
        detector = OpenVinoDetector(narrow, image_size=SIDE, tuning=tuning)
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: detector.look(image, FLOOR), range(12)))
        return {(raw.box.tobytes(), raw.confidence.tobytes(), raw.class_id.tobytes()) for raw in found}

    assert len(look(Tuning(1, 1)) | look(Tuning(1, 2)) | look(Tuning(2, 2))) == 1


def test_in_8_bits_a_processor_without_vnni_detects_the_same(narrow, tmp_path):
    code = """
import sys, numpy
from loop.vision.cpu.openvino_detector import OpenVinoDetector
from tests.vision.builders import FLOOR, SIDE, make_images
found = OpenVinoDetector(sys.argv[1], image_size=SIDE).look(make_images([(90, 120)])[0], FLOOR)
numpy.savez(sys.argv[2], box=found.box, confidence=found.confidence)
"""

    def look(instructions):
        out = tmp_path / f"{instructions}.npz"
        environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": instructions}
        subprocess.run([sys.executable, "-c", code, str(narrow), str(out)], env=environment, check=True)
        return np.load(out)

    here, older = look("ALL"), look("AVX2")

    assert len(here["box"]) > 10
    assert np.array_equal(here["box"], older["box"])
    assert np.array_equal(here["confidence"], older["confidence"])


@pytest.mark.long
def test_the_same_export_and_images_give_the_same_bytes(exported, images, narrow, tmp_path):
    quantise(exported, images, tmp_path / "again.openvino", SIDE)

    assert (tmp_path / "again.openvino").read_bytes() == narrow.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["again.openvino"]


@pytest.mark.long
def test_an_image_that_cannot_be_read_is_a_failure_with_its_reason(exported, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")

    with pytest.raises(WeightsRefused, match=r"broken\.png"):
        quantise(exported, [tmp_path / "broken.png"], tmp_path / "out.openvino", SIDE)


def test_of_many_images_the_same_ones_are_chosen(tmp_path):
    many = [tmp_path / f"{number:04}.jpg" for number in range(500)]

    chosen = choose_images(many)

    assert len(chosen) == len(set(chosen)) == MOST_IMAGES
    assert chosen == choose_images(many[::-1])
    assert choose_images(many[:3]) == many[:3]


def test_the_process_that_asks_for_8_bits_does_not_import_nncf():
    code = "import sys; from loop.gate import eight_bits; print(eight_bits.can_quantise(), 'nncf' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["True", "False"]
