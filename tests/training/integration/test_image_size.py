"""At which size versions are trained, measured and served."""

import pytest

from loop.datasets.assemble import assemble
from loop.gate.compare import compare
from loop.registry.store import VersionFacts
from loop.training.retrain import retrain
from loop.wiring import build
from scripts.demo.scenes import WARM_START
from tests.swap import swap
from tests.training.builders import reviewed_project, settings_in


class Noting:
    """Detectors that note at which size weights are loaded and measured."""

    def __init__(self, detectors, evaluator):
        self._detectors, self._evaluator, self.sizes = detectors, evaluator, []

    def evaluate(self, weights, data, framing=None, *labels):
        self.sizes.append(framing.image_size)
        return self._evaluator.evaluate(weights, data, framing, *labels)

    def latencies(self, weights, images):
        self.sizes.append([framing.image_size for _, framing in weights])
        return self._detectors.latencies(weights, images, times=1)

    def __getattr__(self, name):
        return getattr(self._detectors, name)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def opened(tmp_path):
    """Open an installation with eight reviews; LOOP_IMAGE_SIZE is what is given."""
    opened = []

    def prepare(image_size):
        settings = settings_in(tmp_path, LOOP_IMAGE_SIZE=image_size)
        reviewed_project(settings)
        opened.append(build(settings))
        noting = Noting(opened[-1].registry.detectors, opened[-1].gate.evaluator)
        return swap(opened[-1], (opened[-1].registry.detectors, noting), (opened[-1].gate.evaluator, noting))

    yield prepare
    for rooms in opened:
        rooms.close()


def trained_at(version):
    import torch

    return torch.load(version.weights, map_location="cpu", weights_only=False)["train_args"]["imgsz"]


def serve(rooms, image_size):
    facts = VersionFacts(classes=("item",), training={"image_size": image_size})
    return rooms.registry.versions.promote(1, rooms.registry.versions.add(1, WARM_START, facts).name, "first")


@pytest.mark.parametrize(
    ("setting", "champion", "size"),
    [
        pytest.param("", 96, 96, id="as-the-champion"),
        pytest.param("64", 96, 64, id="as-set", marks=pytest.mark.long),
        pytest.param("", None, 512, id="as-the-weights-were-trained", marks=pytest.mark.long),
    ],
)
def test_a_training_goes_on_at_the_size_of_the_champion(opened, setting, champion, size):
    rooms = opened(setting)
    if champion:
        serve(rooms, champion)
    rooms.trainings.store.ask(1, "a test")

    line = retrain(rooms.trainings, 1)

    version = rooms.registry.versions.list(1)[-1]
    assert "failed" not in line
    assert (version.image_size, trained_at(version)) == (size, size)
    assert rooms.registry.load(version).detector.image_size == size


def test_the_gate_measures_each_version_at_its_own_size(opened):
    rooms = opened("64")
    serve(rooms, 96)
    rooms.trainings.store.ask(1, "a test")

    retrain(rooms.trainings, 1)

    assert sorted(size for size in rooms.registry.detectors.sizes if isinstance(size, int)) == [
        64,
        64,
        96,
    ]  # the candidate also as exported
    assert [96, 64] in rooms.registry.detectors.sizes


def test_two_versions_are_compared_each_at_its_own_size(opened):
    rooms = opened("")
    first, second = serve(rooms, 96), serve(rooms, 128)
    snapshot = assemble(rooms.datasets, 1)
    training = rooms.trainings.store.ask(1, "a test")
    rooms.trainings.store.note(training.id, snapshot=snapshot.hash)

    compare(rooms.gate, 1, first.name, second.name)

    assert rooms.registry.detectors.sizes == [128, 96, [96, 128]]
