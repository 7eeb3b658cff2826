"""Start weights are measured by the labels that their classes mean, as they serve."""

import numpy as np
import pytest

from loop.cli.answers.comparison import measure
from loop.errors import PayloadError
from loop.gate.compare import compare, compare_files
from loop.gate.evaluate import evaluate
from loop.gate.parity import export_before_serving
from loop.registry.store import VersionFacts
from loop.vision.detector import RawDetections
from tests.builders import CONFIG, region
from tests.fakes import FakeDetectors
from tests.gate.builders import write_snapshot
from tests.swap import swap


class LorryDetector:
    """Finds what is on every image of the snapshot, and calls it a lorry."""

    class_names = ("lorry",)

    def look(self, image, floor, *, is_multi_label=False):
        box = region().box
        return RawDetections(np.array([[box.x0, box.y0, box.x1, box.y1]]), np.array([0]), np.array([0.9]))


class LorryDetectors(FakeDetectors):
    """Measures by that detector."""

    def evaluate(self, weights, data, framing=None, labels=None):
        return evaluate(LorryDetector(), data, labels)

    def latencies(self, weights, images):
        return [10.0 for _ in weights]


def test_a_class_is_measured_as_the_label_that_it_means(rooms, tmp_path):
    snapshot = write_snapshot(rooms, tmp_path, 12)

    unknown = evaluate(LorryDetector(), snapshot.data)
    known = evaluate(LorryDetector(), snapshot.data, lambda names: dict.fromkeys(names, "Car"))

    assert unknown.metrics.map50_95 == 0.0
    assert known.metrics.map50_95 > 0.9


class UnsureDetector(LorryDetector):
    """Finds what is on every image twice, as a lorry and as a truck, each image less sure than the one before."""

    class_names = ("lorry", "truck")
    images = 0

    def look(self, image, floor, *, is_multi_label=False):
        self.images += 1
        box, sure = region().box, 0.9 - 0.05 * self.images
        return RawDetections(
            np.array([[box.x0, box.y0, box.x1, box.y1]] * 2), np.array([0, 1]), np.array([sure, sure - 0.01])
        )


def test_a_box_that_several_classes_of_one_label_have_is_measured_once(rooms, tmp_path):
    snapshot = write_snapshot(rooms, tmp_path, 12)

    once = evaluate(UnsureDetector(), snapshot.data, lambda names: {"lorry": "Car"})
    both = evaluate(UnsureDetector(), snapshot.data, lambda names: dict.fromkeys(names, "Car"))

    assert both.metrics == once.metrics
    assert both.metrics.map50_95 > 0.9
    assert len(both.detections.image) == len(both.images)


def test_the_gate_measures_the_champion_by_the_label_config(rooms, tmp_path):
    snapshot = write_snapshot(rooms, tmp_path, 12)
    meant = CONFIG.replace('<Label value="Car"', '<Label value="Car" predicted_values="lorry"')
    rooms.studio.projects.save(1, "Cars", meant)
    (tmp_path / "w.pt").write_bytes(b"weights")
    first, second = (rooms.registry.versions.add(1, tmp_path / "w.pt", VersionFacts()) for _ in range(2))
    rooms = swap(rooms, (rooms.registry.detectors, LorryDetectors()), (rooms.gate.evaluator, LorryDetectors()))

    report = compare(rooms.gate, 1, first.name, second.name, snapshot.hash)

    assert report.comparison.champion.map50_95 > 0.9
    assert report.comparison.candidate.map50_95 > 0.9


class ExportedLorryDetectors(LorryDetectors):
    """Serves by exports, which differ from no trained weights."""

    serves_exports = True

    def export(self, weights, out):
        out.write_bytes(b"exported")


def test_an_export_is_compared_with_the_trained_weights_by_the_label_config(rooms, tmp_path):
    write_snapshot(rooms, tmp_path, 12)
    meant = CONFIG.replace('<Label value="Car"', '<Label value="Car" predicted_values="lorry"')
    rooms.studio.projects.save(1, "Cars", meant)
    (tmp_path / "w.pt").write_bytes(b"weights")
    version = rooms.registry.versions.add(1, tmp_path / "w.pt", VersionFacts())
    detectors = ExportedLorryDetectors()
    rooms = swap(rooms, (rooms.registry.detectors, detectors), (rooms.gate.evaluator, detectors))

    export_before_serving(rooms.gate, version)

    assert rooms.registry.exports.of(version).measured["exported"] > 0.9


def test_a_version_that_knows_a_class_by_its_new_name_is_measured_on_a_snapshot_with_the_former_one(rooms, tmp_path):
    snapshot = write_snapshot(rooms, tmp_path, 12)
    rooms.studio.projects.save(1, "Cars", CONFIG.replace('"Car"', '"lorry"'))
    rooms.studio.classes.rename(1, "Car", "lorry")

    label_map = rooms.studio.projects.get(1).config().label_map

    assert evaluate(LorryDetector(), snapshot.data, label_map).metrics.map50_95 > 0.9


def test_classes_of_a_snapshot_that_are_one_label_today_are_measured_as_one(rooms, tmp_path):
    snapshot = write_snapshot(rooms, tmp_path, 12, names=("Car", "Person"))
    meant = CONFIG.replace('<Label value="Car"/>', '<Label value="lorry" predicted_values="Car,Person"/>')
    rooms.studio.projects.save(1, "Cars", meant.replace('<Label value="Person"/>', ""))

    evaluated = evaluate(LorryDetector(), snapshot.data, rooms.studio.projects.get(1).config().label_map)

    assert evaluated.metrics.map50_95 > 0.9
    assert len(set(evaluated.labels.class_id)) == 1


def test_two_files_of_one_name_are_told_apart_by_their_folders(rooms, tmp_path):
    class Files(LorryDetectors):
        def load(self, weights, framing=None):
            return LorryDetector()

    paths = [tmp_path / run / "best.pt" for run in ("train", "train2")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(b"weights")

    report = compare_files(Files(), *paths, write_snapshot(rooms, tmp_path, 12).data, 0.25)

    assert [report.champion.name, report.candidate.name] == list(map(str, paths))


def test_a_snapshot_is_refused_where_a_dataset_is_given(tmp_path):
    with pytest.raises(PayloadError, match="--snapshot with --project alone"):
        measure("a.pt", "b.pt", None, "5eed", tmp_path / "data.yaml")
