"""Measuring real weights, which know one class, `item`."""

import json
from dataclasses import astuple

import numpy as np
import pytest
from typer.testing import CliRunner

from loop.cli.tree import app
from loop.datasets.yolo_format import read_lines
from loop.gate.evaluate import FLOOR, evaluate
from loop.gate.parity import compare_precision
from loop.regions import Box
from loop.registry.detectors import Detectors
from loop.vision.image_files import read_prepared
from loop.vision.tiling.tiles import Framing
from loop.vision.ultralytics_detector import UltralyticsDetector
from scripts.demo import project, scenes
from tests.elsewhere import loop_elsewhere


@pytest.fixture(scope="module")
def detector():
    return UltralyticsDetector(scenes.WARM_START, image_size=128)


@pytest.fixture(scope="module")
def composed(detector):
    """Scenes whose truth is what the start weights find on them, so that they are right about all of it."""
    known, _ = scenes.palettes()
    made = scenes.compose(known, 8, seed=3, prefix="e")
    images = [np.ascontiguousarray(np.asarray(scene.image)[:, :, ::-1]) for scene in made]
    detected = detector.detect(images, 0.2)
    return [
        scenes.Scene(scene.name, scene.image, tuple((one.class_name, one.box) for one in boxes))
        for scene, boxes in zip(made, detected, strict=True)
    ]


@pytest.fixture
def measured(detector, composed, tmp_path):
    """Measure the start weights where every object is called *label* and the classes are *names*."""

    def run(label, names):
        called = [scenes.Scene(one.name, one.image, tuple((label, box) for _, box in one.objects)) for one in composed]
        data = project.write_dataset(tmp_path / "-".join(names), names, called)
        return evaluate(detector, data).metrics

    return run


def test_classes_are_matched_by_name_and_not_by_number(measured):
    alone = measured("item", ["item"])
    among = measured("ITEM", ["Car", "ITEM", "Person"])

    assert alone.map50 > 0.8
    assert among == alone


def test_weights_that_are_older_than_the_name_of_a_class_are_understood(detector, composed, tmp_path):
    called = [scenes.Scene(one.name, one.image, tuple(("Thing", box) for _, box in one.objects)) for one in composed]
    data = project.write_dataset(tmp_path / "renamed", ["Car", "Thing"], called)
    with data.open("a") as file:
        file.write("former_names:\n  item: 1\n")

    assert evaluate(detector, data).metrics.map50 > 0.8


def test_the_right_place_under_another_name_counts_for_nothing(measured, composed):
    metrics = measured("Car", ["Car", "Person"])

    assert (metrics.map50, metrics.map50_95) == (0.0, 0.0)
    assert (metrics.images, metrics.boxes) == (8, sum(len(one.objects) for one in composed))


def test_objects_that_the_weights_have_no_class_for_are_still_counted(measured, composed):
    """Ultralytics alone would leave their labels out, and so praise weights that know less."""
    metrics = measured("Person", ["item", "Person"])

    assert metrics.boxes == sum(len(one.objects) for one in composed)
    assert metrics.map50 == 0.0


@pytest.fixture(scope="module")
def harder(detector, composed, tmp_path_factory):
    """The same with half of the truth moved or called otherwise, and an image with nothing on it."""
    rng = np.random.default_rng(1)
    changed = []
    for scene in composed:
        objects = tuple(("Car" if rng.random() < 0.2 else "item", _moved(box, rng)) for _, box in scene.objects)
        changed.append(scenes.Scene(scene.name, scene.image, objects))
    changed[0] = scenes.Scene(changed[0].name, changed[0].image, ())
    data = project.write_dataset(tmp_path_factory.mktemp("harder") / "set", ["Car", "item"], changed)
    return data, evaluate(detector, data)


def test_images_of_the_networks_own_shape_are_measured_as_ultralytics_measures_them(detector, composed, tmp_path):
    """Of other shapes it makes batches that are padded alike; serving does not, and so the gate does not."""
    from ultralytics import YOLO

    rng = np.random.default_rng(2)
    square = [
        scenes.Scene(
            scene.name, scene.image.resize((128, 128)), tuple(("item", _moved(box, rng)) for _, box in scene.objects)
        )
        for scene in composed
    ]
    data = project.write_dataset(tmp_path / "square", ["item"], square)

    ours = evaluate(detector, data).metrics

    theirs = YOLO(str(scenes.WARM_START)).val(data=str(data), imgsz=128, batch=1, rect=False, workers=0, plots=False)
    assert (theirs.box.map50, theirs.box.map) == pytest.approx((ours.map50, ours.map50_95), abs=0.005)
    assert 0.05 < ours.map50_95 < 0.95


def test_labels_and_detections_are_kept_where_they_are_on_the_image(harder):
    data, evaluation = harder
    names = sorted(path.stem for path in (data.parent / "images" / "held_out").iterdir())

    assert sorted(evaluation.images) == names
    for number, name in enumerate(evaluation.images):
        lines = (data.parent / "labels" / "held_out" / f"{name}.txt").read_text()
        written = sorted(astuple(region.box) for region in read_lines(lines, evaluation.class_names))
        stored = sorted(map(tuple, evaluation.labels.box[evaluation.labels.image == number].tolist()))
        assert np.array(stored) == pytest.approx(np.array(written), abs=2e-3)


def test_the_boxes_that_are_measured_are_those_that_are_served(detector, harder):
    data, evaluation = harder
    image = read_prepared(data.parent / "images" / "held_out" / f"{evaluation.images[1]}.jpg")

    (served,) = detector.detect([image], FLOOR)

    assert served
    is_measured = evaluation.detections.image == 1
    assert evaluation.detections.box[is_measured] == pytest.approx(
        np.array([astuple(one.box) for one in served], np.float32)
    )
    assert (
        evaluation.detections.confidence[is_measured].tolist()
        == np.array([one.confidence for one in served], "f4").tolist()
    )


def test_an_export_is_as_good_as_its_weights_and_its_boxes_are_measured_as_they_are_served(harder, tmp_path):
    data, trained = harder
    detectors = Detectors("cpu", 128, str(scenes.WARM_START), data.parent)
    detectors.export(scenes.WARM_START, tmp_path / "exported.openvino")
    exported = detectors.load(tmp_path / "exported.openvino")

    evaluation = evaluate(exported, data)

    assert compare_precision(trained, evaluation).objection == ""
    assert 0.05 < evaluation.metrics.map50_95 < 0.95
    (served,) = exported.detect(
        [read_prepared(data.parent / "images" / "held_out" / f"{trained.images[1]}.jpg")], FLOOR
    )
    measured = evaluation.detections.box[evaluation.detections.image == 1]
    assert measured == pytest.approx(np.array([astuple(one.box) for one in served], np.float32))


def test_latencies_are_measured_of_both(harder):
    data, _ = harder
    images = sorted((data.parent / "images" / "held_out").iterdir())
    detectors = Detectors("", 128, str(scenes.WARM_START), data.parent)

    first, second = detectors.latencies([(scenes.WARM_START, Framing(size)) for size in (None, 128)], images, times=8)

    assert 0.2 < first / second < 5
    assert 0.5 < first < 5000


def _moved(box, rng):
    off = rng.uniform(0, 0.3) * (box.x1 - box.x0)
    return Box(box.x0 + off, box.y0, box.x1 + off, box.y1).clip()


def test_two_files_of_weights_are_compared_without_records_also_where_there_is_no_posix(
    composed, tmp_path, monkeypatch
):
    monkeypatch.setenv("LOOP_IMAGE_SIZE", "128")  # as the truth was made
    data = project.write_dataset(tmp_path / "data", ["item"], composed)
    weights, home = scenes.WARM_START, tmp_path / "home"

    status, printed, said = loop_elsewhere(home, "models", "compare", weights, weights, "--data", data, "--json")

    assert status == 0, said
    report = json.loads(printed)
    assert report["champion"] == report["candidate"]
    assert report["overall"]["champion"] == report["overall"]["candidate"] > 0.3
    assert report["fixed"] == report["broken"] == []
    assert not (home / "loop.sqlite3").exists()


def test_a_comparison_is_of_versions_or_of_files():
    ended = CliRunner().invoke(app, ["models", "compare", "a.pt", "b.pt"])

    assert str(ended.exception) == "models compare: expected --project or --data, found neither"
