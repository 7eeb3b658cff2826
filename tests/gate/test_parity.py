"""A version serves by its export only where that is as good as its trained weights; the gate measures what serves."""

import shutil
from dataclasses import replace

import pytest

from loop.gate.evaluate import evaluate
from loop.gate.parity import export_and_measure
from loop.gate.promote_by_hand import promote_by_hand
from tests.fakes import FakeDetector
from tests.gate import builders
from tests.gate.builders import BAD, GOOD, NEW, OLD
from tests.gate.fakes import EvaluatedDetectors
from tests.swap import swap


def of(evaluation, map50_95):
    return replace(evaluation, metrics=replace(evaluation.metrics, map50_95=map50_95))


class Exporting(EvaluatedDetectors):
    """Detectors on a CPU; the export of weights is measured by other figures than the weights."""

    serves_exports = True
    exported = 0.3

    def evaluate(self, weights, data, framing=None, *labels):
        if weights.suffix == ".pt":
            return of(super().evaluate(weights, data), 0.3)
        return of(self._evaluations[weights.read_bytes().removeprefix(b"exported ")], self.exported)

    def export(self, weights, out):
        out.write_bytes(b"exported " + weights.read_bytes())

    def latencies(self, weights, images):
        self.timed = [path.suffix for path, _ in weights]
        return [10.0 for _ in weights]


@pytest.fixture
def judge(rooms, snapshot, tmp_path, monkeypatch):
    """Have a candidate judged whose export has the given mAP50-95; the trained weights have 0.3."""

    def judge(exported):
        monkeypatch.setattr(builders, "EvaluatedDetectors", type("_", (Exporting,), {"exported": exported}))
        judged, training = builders.train_and_judge(rooms, tmp_path, snapshot, BAD, GOOD)
        return judged, judged.registry.versions.get(1, training.version), training

    return judge


@pytest.mark.parametrize("exported", [0.3, 0.298, 0.302])
def test_an_export_that_is_as_good_serves(judge, exported):
    rooms, version, training = judge(exported)

    assert training.status == "promoted"
    export = rooms.registry.exports.of(version)
    not_tried = {"admitted": False, "reason": "LOOP_EXPORT does not ask for it"}
    assert export.measured == {"trained": 0.3, "exported": exported, "images": 12, "int8": not_tried}
    assert rooms.registry.served_file(version) == export.file
    assert rooms.registry.detectors.timed == [".pt", ".openvino"]  # the champion has no export


@pytest.mark.parametrize("exported", [0.2979, 0.3021, 0.0])
def test_an_export_that_differs_is_refused_before_the_alias_moves_and_the_trained_weights_serve(judge, exported):
    rooms, version, training = judge(exported)

    assert training.status == "promoted"
    export = rooms.registry.exports.of(version)
    assert export.file is None
    assert f"its mAP50-95 is {exported:.4f}, that of the trained weights 0.3000 on 12 held-out images" in export.reason
    assert rooms.registry.served_file(version) == version.weights
    assert rooms.registry.load(version).runtime == "torch"
    assert rooms.registry.detectors.timed == [".pt", ".pt"]


@pytest.mark.parametrize(("exported", "serves"), [(0.3, True), (0.1, False)])
def test_a_version_that_a_person_promotes_is_measured_on_the_newest_snapshot(
    rooms, snapshot, tmp_path, exported, serves
):
    detectors = type("_", (Exporting,), {"exported": exported})({OLD: BAD, NEW: GOOD})
    rooms = swap(rooms, (rooms.registry.detectors, detectors), (rooms.gate.evaluator, detectors))
    version = builders.add(rooms, tmp_path, NEW)

    promote_by_hand(rooms.gate, 1, version.name, "a test", is_forced=True)

    assert rooms.registry.exports.of(version).measured["exported"] == exported
    assert (rooms.registry.served_file(version) != version.weights) is serves


def test_a_version_that_served_before_goes_on_as_it_was(rooms, snapshot, tmp_path):
    detectors = Exporting({OLD: BAD, NEW: GOOD})
    rooms = swap(rooms, (rooms.registry.detectors, detectors), (rooms.gate.evaluator, detectors))
    old, new = builders.add(rooms, tmp_path, OLD), builders.add(rooms, tmp_path, NEW)
    builders.serve(rooms, old)
    builders.serve(rooms, new)

    promote_by_hand(rooms.gate, 1, old.name, "a test")

    assert rooms.registry.exports.of(old) is None
    assert rooms.registry.served_file(old) == old.weights


def test_a_version_is_promoted_where_the_images_of_the_snapshot_are_not_here(rooms, snapshot, tmp_path, caplog):
    class Reading(Exporting):
        def evaluate(self, weights, data, framing=None, *labels):
            return evaluate(FakeDetector(), data)

    detectors = Reading({OLD: BAD, NEW: GOOD})
    rooms = swap(rooms, (rooms.registry.detectors, detectors), (rooms.gate.evaluator, detectors))
    version = builders.add(rooms, tmp_path, NEW)
    shutil.rmtree(snapshot.folder / "images")  # as after a backup was restored

    promote_by_hand(rooms.gate, 1, version.name, "a test", is_forced=True)

    assert rooms.registry.versions.champion(1) == version
    assert "an export cannot be judged" in caplog.text


def test_a_version_that_began_to_serve_while_it_was_exported_goes_on_by_its_trained_weights(rooms, snapshot, tmp_path):
    class Pinning(Exporting):
        def export(self, weights, out):
            super().export(weights, out)
            builders.serve(rooms, version)

    detectors = Pinning({OLD: BAD, NEW: GOOD})
    rooms = swap(rooms, (rooms.registry.detectors, detectors), (rooms.gate.evaluator, detectors))
    version = builders.add(rooms, tmp_path, NEW)

    evaluated = export_and_measure(rooms.gate, version, snapshot, GOOD)

    assert evaluated is GOOD
    assert rooms.registry.served_file(version) == version.weights
    assert "it began to serve by its trained weights" in rooms.registry.exports.of(version).reason
