"""Real weights: in and out as archives, and back and forth in serving."""

import json
from contextlib import closing

import numpy as np
import pytest

from loop.errors import ArchiveRefused, WeightsRefused
from loop.label_studio.tasks import read_tasks
from loop.registry.layer_names import LAYERS
from loop.registry.loaded_version import Thresholds
from loop.registry.promote import promote, roll_back
from loop.registry.store import FIRST, VersionFacts
from loop.registry.transfer import add, export
from loop.serving.predictor import Predictor
from loop.settings import Settings
from loop.vision.ultralytics_setup import prepare_ultralytics
from loop.wiring import build
from scripts.demo import scenes
from tests.builders import CONFIG, ls_task
from tests.fakes import FakeImages, FakeLabelStudio, FakeQueue
from tests.registry.builders import packed
from tests.swap import swap

pytestmark = pytest.mark.timeout(400)
ITEMS = CONFIG.replace("Person", "Item")  # the start weights name one class, `item`
TASKS = [ls_task(n) for n in range(1, 5)]


class Scenes(FakeImages):
    """Composed scenes as images of the tasks."""

    def __init__(self):
        super().__init__()
        known, _ = scenes.palettes()
        self.scenes = scenes.compose(known, len(TASKS), seed=5, prefix="w")

    def load(self, tasks):
        for task in tasks:
            image = np.asarray(self.scenes[task.id - 1].image)
            yield np.ascontiguousarray(image[:, :, ::-1])


@pytest.fixture
def settings(tmp_path):
    return Settings.read(
        {
            "LOOP_HOME": str(tmp_path / "home"),
            "LOOP_IMAGE_SIZE": "128",
            "LOOP_SCORE_THRESHOLD": "0.1",
            "LOOP_EPOCHS": "1",
            "LOOP_BASE_WEIGHTS": str(scenes.WARM_START),
            "LABEL_STUDIO_API_KEY": "k",
        }
    )


@pytest.fixture
def own(settings):
    built = build(settings, migrate=True)
    with closing(built):
        built.studio.projects.save(1, "Items", ITEMS)
        yield swap(
            built,
            (built.queue, FakeQueue()),
            (built.studio.client, FakeLabelStudio(TASKS)),
            (built.vision.images, Scenes()),
        )


@pytest.fixture
def changed_weights(tmp_path):
    """Make weights like the start weights, with something changed."""
    prepare_ultralytics()
    import torch
    from ultralytics.nn.tasks import torch_safe_load

    def make(change):
        content, _ = torch_safe_load(str(scenes.WARM_START))
        change(content["model"])
        torch.save(content, tmp_path / "changed.pt")
        return tmp_path / "changed.pt"

    return make


def weaker(model):
    """Halve what the last layers say, so that other boxes are found."""
    for parameter in model.model[-1].parameters():
        parameter.data.mul_(0.9)


def answer(rooms):
    """What `/predict` answers, to the bit."""
    predictor = Predictor(rooms.serving)
    answers = predictor.predict(1, ITEMS, read_tasks(TASKS))
    results = json.dumps([answer.prediction.as_answer() for answer in answers], sort_keys=True)
    assert '"score": 0' in results
    return results


def boxes(answered):
    return [[(one["value"], one["score"]) for one in found["result"]] for found in json.loads(answered)]


def test_a_rollback_gives_the_same_predictions_to_the_bit_also_when_the_settings_changed(
    own, settings, changed_weights
):
    facts = VersionFacts(thresholds={"floor": 0.05, "display": 0.1}, training={"image_size": 128})
    first = own.registry.versions.add(1, scenes.WARM_START, facts)
    promote(own.registry, 1, first.name, "first")
    before = answer(own)
    second = own.registry.versions.add(1, changed_weights(weaker), facts)

    promote(own.registry, 1, second.name, "better")
    between = answer(own)
    environment = {**settings.environment(), "LOOP_SCORE_THRESHOLD": "0.6", "LOOP_IMAGE_SIZE": "320"}
    with closing(build(Settings.read(environment))) as later:
        changed = swap(
            later,
            (later.queue, FakeQueue()),
            (later.studio.client, own.studio.client),
            (later.vision.images, own.vision.images),
        )
        assert changed.registry.thresholds == Thresholds(0.05, 0.6)
        roll_back(changed.registry, 1, "worse")
        after = answer(changed)

    assert any(boxes(before))
    assert boxes(between) != boxes(before)
    assert after == before


def test_a_version_that_went_out_and_came_in_again_predicts_the_same(own, tmp_path):
    facts = VersionFacts(classes=("item",), thresholds={"floor": 0.05, "display": 0.1}, training={"image_size": 128})
    promote(own.registry, 1, own.registry.versions.add(1, scenes.WARM_START, facts).name, "first")
    before = answer(own)

    sha256 = export(own.registry, 1, "1.0.0", tmp_path / "out.tar.gz")
    added, line = add(own.registry, 1, tmp_path / "out.tar.gz", sha256=sha256, number="3.0.0")
    assert own.registry.versions.champion(1).name == "yolo_detector@1.0.0"
    promote(own.registry, 1, added.name, "the same")

    assert line == "1 of 1 classes have a label: item"
    assert any(boxes(before))
    assert boxes(answer(own)) == boxes(before)


def test_weights_whose_plan_runs_something_at_the_next_training_are_refused(own, changed_weights, tmp_path):
    marker = tmp_path / "it-ran"

    def evil(model):
        model.yaml["activation"] = f"__import__('pathlib').Path({str(marker)!r}).touch() or torch.nn.SiLU()"

    path = changed_weights(evil)

    with pytest.raises(ArchiveRefused, match="unsupported activation"):
        add(own.registry, 1, packed(tmp_path / "a.tar.gz", ("best.pt", path.read_bytes())))

    assert not marker.exists()
    assert own.registry.versions.list(1) == []


def test_weights_that_say_they_are_a_detector_and_are_not_are_refused(own, tmp_path):
    from tests.vision.builders import checkpoint

    path = packed(tmp_path / "a.tar.gz", ("best.pt", checkpoint(tmp_path / "some.pt").read_bytes()))

    with pytest.raises(WeightsRefused, match=r"the \.pt in a\.tar\.gz is no detector that can be loaded"):
        add(own.registry, 1, path)


def test_every_layer_of_the_installed_versions_is_known():
    prepare_ultralytics()
    import importlib

    from torch import nn

    modules = [f"ultralytics.nn.modules.{name}" for name in ("activation", "block", "conv", "head", "transformer")]
    layers = {
        f"{name} {layer}"
        for name in modules
        for layer, kind in vars(importlib.import_module(name)).items()
        if isinstance(kind, type) and issubclass(kind, nn.Module) and kind.__module__ == name
    }

    assert layers - LAYERS == {"ultralytics.nn.modules.block TorchVision"}


def test_the_start_weights_are_registered_with_their_classes(own):
    from loop.installation.connect import _first_version, _started

    with _started(own.installation, 1, own.studio.projects.get(1).config()) as start:
        _first_version(own.installation, 1, start)

    version = own.registry.versions.get(1, FIRST)
    assert version.facts.classes == ("item",)
    assert version.facts.thresholds == {"floor": 0.05, "display": 0.1}
    assert version.image_size == 128
