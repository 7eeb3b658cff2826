"""Labels of any name are trained and served for real."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from loop.datasets.convert import to_dataset
from loop.regions import Region
from loop.training.callbacks import Watch
from loop.training.retrain import retrain
from loop.training.trainer import TrainingPolicy, train
from loop.vision.image_cache import ImageCache
from loop.vision.ultralytics_detector import UltralyticsDetector
from loop.wiring import build
from scripts.demo.scenes import WARM_START
from tests.builders import picture, review
from tests.label_studio.builders import NAMES, config_of
from tests.training.builders import settings_in
from tests.training.fakes import DrawnImages, truth

CASES = Path(__file__).parents[2] / "cases"
WICKED = [NAMES["imagenet-code"], *NAMES.values()]  # ultralytics looks at the first one


@pytest.fixture
def rooms(tmp_path, monkeypatch):
    """A project with a reviewed image of each of the labels."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with closing(build(settings_in(tmp_path, LOOP_BATCH="16"), migrate=True)) as rooms:
        rooms.studio.projects.save(1, "Names", config_of(WICKED))
        cache = ImageCache(rooms.vision.cache._folder, DrawnImages())
        for task, name in enumerate(NAMES.values(), start=1):
            image = f"/data/upload/1/{task}.jpg"
            cache.find(1, task, image)
            rooms.reviews.store.record(
                review(Region(f"r{task}", truth(task)[0], name), annotation=task, task=task), {"image": image}
            )
        yield rooms


def test_labels_of_any_name_are_trained_and_served(rooms):
    rooms.trainings.store.ask(1, "a test")

    line = retrain(rooms.trainings, 1)

    version = rooms.registry.versions.list(1)[-1]
    assert "failed" not in line
    assert version.facts.classes == tuple(dict.fromkeys(WICKED))
    served = rooms.registry.load(version)
    assert served.detector.class_names == version.facts.classes
    labels = rooms.studio.projects.get(1).config().label_map(served.detector.class_names)
    assert labels == {name: name for name in WICKED}
    (detections,) = served.detector.detect([np.full((64, 96, 3), 128, np.uint8)], 1e-6)
    assert detections
    assert {one.class_name for one in detections} <= set(WICKED)


def test_an_export_with_an_emoji_in_a_label_is_converted_and_trained(tmp_path):
    (tmp_path / "images").mkdir()
    for task in range(1, 9):
        (tmp_path / "images" / f"{task:04}.jpg").write_bytes(
            picture((100, 80), colour=(25 * task, 20, 200 - 20 * task))
        )
    label_config = (CASES / "a17_emoji_label.xml").read_text()
    export = CASES / "a17_emoji_label.json"

    snapshot = to_dataset(export, label_config, tmp_path / "images", tmp_path / "out")
    policy = TrainingPolicy(epochs=1, batch=4, image_size=64, device="cpu")
    weights = train(snapshot.data, WARM_START, tmp_path / "run", policy, Watch(lambda _: None, lambda: None))

    assert snapshot.class_names == ("🚗 Car", "Person")
    assert UltralyticsDetector(weights, device="cpu").class_names == snapshot.class_names
