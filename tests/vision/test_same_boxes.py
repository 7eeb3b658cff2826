"""The same weights give an image the same boxes and vectors, to the bit, whatever else goes through them."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from threading import Barrier

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from loop.regions import Box
from loop.vision.cpu.export import export
from loop.vision.cpu.openvino_detector import OpenVinoDetector
from loop.vision.crop_embedder import CropEmbedder
from loop.vision.embedding import Space
from loop.vision.encoder.open_clip import OpenClipModel
from loop.vision.ultralytics_detector import UltralyticsDetector
from loop.vision.yolo_embedder import YoloEmbedder
from tests.vision.builders import FLOOR, SIDE, make_images, write_tower

SIZES = [(96, 96), (40, 60), (60, 40), (200, 300), (31, 500), (500, 31), (97, 33), (1, 1), (640, 480), (96, 96)]
IMAGES = range(len(SIZES))
BOXES = [Box(0, 0, 1, 1), Box(0.1, 0.2, 0.5, 0.7), Box(0.5, 0.5, 0.500001, 0.500001), Box(0.9, 0.9, 1, 1)]
SPACE = Space("tested", "")


@pytest.fixture(scope="module")
def images():
    return make_images(SIZES)


@pytest.fixture(scope="module")
def exported(weights):
    out = weights.with_suffix(".openvino")
    export(UltralyticsDetector(weights, device="cpu", image_size=SIDE), out)
    return out


@pytest.fixture(scope="module", params=["trained", "exported"])
def load(request):
    """Load the detector of the trained weights, or that of the exported file."""
    if request.param == "trained":
        weights = request.getfixturevalue("weights")
        return lambda size=SIDE: UltralyticsDetector(weights, device="cpu", image_size=size)
    exported = request.getfixturevalue("exported")
    return lambda size=SIDE: OpenVinoDetector(exported, image_size=size)


@pytest.fixture(scope="module")
def detector(load):
    return load()


@pytest.fixture(scope="module")
def alone(load, images):
    """What each image gets from a detector that has seen nothing else."""
    each = [load().detect([image], FLOOR)[0] for image in images]
    assert sum(map(len, each)) > 50
    return each


@pytest.fixture(scope="module", params=["yolo", "tower"])
def embedder(request, weights, tmp_path_factory):
    if request.param == "yolo":
        return YoloEmbedder(weights, SPACE, device="cpu", image_size=SIDE)
    folder = write_tower(tmp_path_factory.mktemp("tower") / "model")
    return CropEmbedder(OpenClipModel(str(folder)), SPACE, device="cpu")


@pytest.fixture(scope="module")
def vectors_alone(embedder, images):
    return [np.stack([embedder.embed([image], [[box]])[0][0] for box in BOXES]) for image in images]


@examples(max_examples=30)
@given(st.lists(st.sampled_from(IMAGES), min_size=1, max_size=20))
def test_boxes_do_not_depend_on_the_other_images_of_a_call_nor_on_those_before(detector, images, alone, chosen):
    detections = detector.detect([images[index] for index in chosen], FLOOR)

    assert detections == [alone[index] for index in chosen]


@examples(max_examples=15)
@given(st.lists(st.tuples(st.sampled_from(IMAGES), st.lists(st.sampled_from(BOXES), max_size=6)), max_size=6))
def test_vectors_do_not_depend_on_other_images_and_boxes(embedder, images, vectors_alone, chosen):
    embedded = embedder.embed([images[index] for index, _ in chosen], [boxes for _, boxes in chosen])

    for vectors, (index, boxes) in zip(embedded, chosen, strict=True):
        expected = [vectors_alone[index][BOXES.index(box)] for box in boxes]
        assert vectors.shape == (len(boxes), embedder.dimension)
        assert vectors.tolist() == [vector.tolist() for vector in expected]


def test_a_lower_floor_only_adds_boxes(detector, images, alone):
    lower = detector.detect(images, FLOOR / 10)

    assert [[one for one in found if one.confidence >= FLOOR] for found in lower] == alone


def test_threads_of_one_process_get_the_same_at_once(detector, images, alone):
    barrier = Barrier(4)

    def ask(number):
        barrier.wait()
        order = np.random.default_rng(number).permutation(len(images))
        detections = detector.detect([images[index] for index in order], FLOOR)
        return [detections[place] for place in np.argsort(order)]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))

    assert answers == [alone] * 4


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_threads_set_by_others_changes_nothing(detector, embedder, images, alone, count):
    """Ultralytics sets one whenever it loads weights; it holds for the Python thread that does so."""
    import torch

    expected = embedder.embed(images, [BOXES] * len(images))

    def ask():
        torch.set_num_threads(count)
        return detector.detect(images, FLOOR)

    def embed():
        torch.set_num_threads(count)
        return embedder.embed(images, [BOXES] * len(images))

    with ThreadPoolExecutor(1) as pool:
        detections, vectors = pool.submit(ask).result(), pool.submit(embed).result()

    assert detections == alone
    assert all(np.array_equal(one, other) for one, other in zip(vectors, expected, strict=True))


def test_other_weights_in_the_process_change_nothing(load, detector, images, alone):
    other = load(2 * SIDE)
    other.detect(images, FLOOR)

    assert detector.detect(images, FLOOR) == alone


IN_A_PROCESS = """
import json, sys
from dataclasses import asdict
from pathlib import Path
import numpy as np
from loop.registry.detectors import Detectors
from tests.vision.builders import FLOOR, SIDE

detector = Detectors("cpu", SIDE, "", Path()).load(Path(sys.argv[1]))
images = list(np.load(sys.argv[2]).values())
for start in range(0, len(images), 3):
    for found in detector.detect(images[start : start + 3], FLOOR):
        print(json.dumps([asdict(one) for one in found]))
assert "torchvision" not in sys.modules, "it takes as long to load as torch, and no box needs it"
"""


def test_another_process_gets_the_same(request, detector, images, alone, tmp_path):
    weights = request.getfixturevalue("exported" if isinstance(detector, OpenVinoDetector) else "weights")
    np.savez(tmp_path / "images.npz", *images)

    done = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS, str(weights), str(tmp_path / "images.npz")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    detections = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert detections == [json.loads(json.dumps([asdict(one) for one in boxes])) for boxes in alone]


def test_boxes_and_confidences_are_rounded(detector, images):
    for detections in detector.detect(images, FLOOR):
        for detection in detections:
            numbers = (*asdict(detection.box).values(), detection.confidence)
            assert all(number == round(number, 4) for number in numbers)


def test_no_pass_on_a_gpu_shortens_its_numbers_to_tf32(weights, images):
    import torch

    detector = UltralyticsDetector(weights, device="cpu", image_size=SIDE)
    torch.backends.cudnn.allow_tf32 = True  # as torch comes

    detector.detect(images[:1], FLOOR)

    assert not torch.backends.cudnn.allow_tf32
