"""Real features: of the detector's own maps, and of the network that comes with the installation."""

import numpy as np
import pytest

from loop.errors import UpstreamError
from loop.regions import Box
from loop.vision.embedders import Embedders
from scripts.demo import scenes

pytestmark = pytest.mark.timeout(200)
PIXEL = Box(0.5, 0.5, 0.5 + 1e-6, 0.5 + 1e-6)


def loaded(setting):
    chosen = Embedders(setting, image_size=320)
    return chosen.load(chosen.space("v@1", scenes.WARM_START), scenes.WARM_START)


@pytest.fixture(scope="module")
def yolo():
    return loaded("yolo:")


@pytest.fixture(scope="module")
def tower():
    return loaded("efficientnet:")


@pytest.fixture(params=["yolo", "tower"])
def embedder(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def shown():
    known, _ = scenes.palettes()
    return scenes.compose(known, 10, seed=4, prefix="e")


def pixels(scene):
    return np.ascontiguousarray(np.asarray(scene.image)[:, :, ::-1])


def boxes(scene):
    return [box for _, box in scene.objects]


def test_every_box_gets_a_unit_vector_in_its_place(embedder, shown):
    boxes_of = [boxes(scene) for scene in shown]
    boxes_of[3] = []

    vectors = embedder.embed([pixels(scene) for scene in shown], boxes_of)

    assert [one.shape for one in vectors] == [(len(wanted), embedder.dimension) for wanted in boxes_of]
    every = np.concatenate(vectors)
    assert every.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(every, axis=1), 1, atol=1e-5)
    alone = embedder.embed([pixels(shown[9])], [boxes_of[9]])[0]
    np.testing.assert_allclose(alone, vectors[9], atol=1e-2)


def test_a_box_of_one_pixel_one_at_the_edge_and_the_whole_image_work(embedder, shown):
    (vectors,) = embedder.embed([pixels(shown[0])], [[PIXEL, Box(0.999, 0.999, 1, 1), Box(0, 0, 1, 1)]])

    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert float(vectors[0] @ vectors[2]) < 0.999


def test_an_image_of_one_pixel_works(embedder):
    (vectors,) = embedder.embed([np.zeros((1, 1, 3), np.uint8)], [[Box(0, 0, 1, 1)]])

    assert vectors.shape == (1, embedder.dimension)


def test_the_same_crop_elsewhere_looks_more_alike_than_its_background(embedder, shown):
    """Boxes are read where they are: an object moved by half an image is still itself."""
    scene = max(shown, key=lambda drawn: len(drawn.objects))
    image, box = pixels(scene), boxes(scene)[0]
    height, width = image.shape[:2]
    wide = np.full((height, 2 * width, 3), 127, np.uint8)
    wide[:, width:] = image
    moved = Box(0.5 + box.x0 / 2, box.y0, 0.5 + box.x1 / 2, box.y1)
    beside = Box(box.x0 / 2, box.y0, box.x1 / 2, box.y1)

    (here,) = embedder.embed([image], [[box]])
    (vectors,) = embedder.embed([wide], [[moved, beside]])

    assert float(here[0] @ vectors[0]) > float(here[0] @ vectors[1]) + 0.05


@pytest.mark.parametrize("setting", ["open_clip:ViT-B-32//no/such/file.pt", "open_clip:/no/such/folder"])
def test_weights_that_are_not_there_are_named(setting):
    with pytest.raises(UpstreamError, match="/no/such/"):
        loaded(setting)
