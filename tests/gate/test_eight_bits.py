"""An export in 8 bits serves only where the gate's paired test does not find it worse; else the one in 32 serves."""

import logging
from dataclasses import replace

import pytest

from loop.errors import WeightsRefused
from loop.gate.comparison import Latency, contrast
from loop.gate.eight_bits import NOT_INSTALLED
from loop.gate.parity import export_and_measure
from loop.gate.rule import GateOutcome, GatePolicy, rule_on_8_bits
from loop.installation import checks_model
from scripts.bench.harmed_evaluations import harm
from tests.gate import builders
from tests.gate.builders import GOOD, NEW, OLD, evaluation
from tests.gate.fakes import EvaluatedDetectors
from tests.swap import swap

MANY = evaluation(200)


class Quantising(EvaluatedDetectors):
    """Detectors on a CPU, whose export in 8 bits is measured by figures of its own, and takes half the time."""

    serves_exports = tries_8_bits = True
    narrow, milliseconds, error = GOOD, 5.0, None

    def evaluate(self, weights, data, framing=None, *labels):
        content = weights.read_bytes()
        return self.narrow if content.startswith(b"narrow ") else self._evaluations[content.removeprefix(b"wide ")]

    def export(self, weights, out):
        out.write_bytes(b"wide " + weights.read_bytes())

    def quantise(self, exported, images, out, image_size):
        self.calibrated_on = images
        if self.error:
            raise self.error
        out.write_bytes(exported.read_bytes().replace(b"wide", b"narrow"))

    def latencies(self, weights, images):
        return [self.milliseconds if path.read_bytes().startswith(b"narrow ") else 10.0 for path, _ in weights]


@pytest.fixture
def export(rooms, snapshot, tmp_path):
    """Export a version with detectors that have the given attributes; return the rooms, it, and its evaluation."""

    def export(least_images=10, snapshot=snapshot, **attributes):
        detectors = type("_", (Quantising,), attributes)({OLD: GOOD, NEW: GOOD})
        policy = replace(rooms.gate.policy, least_images=least_images)
        ready = swap(
            rooms,
            (rooms.registry.detectors, detectors),
            (rooms.gate.evaluator, detectors),
            (rooms.gate.policy, policy),
        )
        version = builders.add(ready, tmp_path, NEW)
        return ready, version, export_and_measure(ready.gate, version, snapshot, GOOD)

    return export


def test_an_export_in_8_bits_that_is_not_worse_serves_and_is_what_the_gate_measures(export, caplog):
    caplog.set_level(logging.INFO, "loop")
    narrow = replace(GOOD)  # equal, and another object

    rooms, version, evaluated = export(narrow=narrow)

    stored = rooms.registry.exports.of(version)
    assert evaluated is narrow
    assert stored.runtime == rooms.registry.load(version).runtime == "OpenVINO INT8"
    assert rooms.registry.served_file(version).read_bytes() == b"narrow " + NEW
    figures = stored.measured["int8"]
    assert figures["admitted"]
    assert figures["interval"] == [0.0, 0.0]
    assert figures["milliseconds"] == [5.0, 10.0]
    assert figures["calibrated_on"] == len(rooms.registry.detectors.calibrated_on) == 1
    assert "an export in 8 bits is made and measured, on 1 images; this takes minutes" in caplog.text


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"narrow": harm(GOOD, 0.3, seed=1)}, "it may be worse: mAP50-95"),
        ({"milliseconds": 10.0}, "not quicker: 10.0 ms an image in place of 10.0"),
        (
            {"error": WeightsRefused("it", "not made: its process was ended by signal 9", "")},
            "not made: its process was ended by signal 9",
        ),
        ({"tries_8_bits": False}, "LOOP_EXPORT does not ask for it"),
        ({"least_images": 13}, "only 12 held-out images with 36 boxes: 13 images are needed to tell"),
    ],
)
def test_where_8_bits_are_refused_the_export_in_32_serves_and_the_reason_is_recorded(export, attributes, reason):
    rooms, version, evaluated = export(**attributes)

    stored = rooms.registry.exports.of(version)
    assert evaluated is GOOD
    assert stored.runtime == "OpenVINO"
    assert rooms.registry.served_file(version).read_bytes() == b"wide " + NEW
    assert not stored.measured["int8"]["admitted"]
    assert reason in stored.measured["int8"]["reason"]
    rooms.registry.versions.promote(1, version.name, "a test")
    (finding,) = checks_model.detector(rooms.installation, rooms.studio.projects.get(1))
    assert f"detects by OpenVINO, not in 8 bits: {stored.measured['int8']['reason']}" in finding.found


def test_without_nncf_8_bits_are_not_tried_and_the_reason_is_recorded(export, monkeypatch):
    monkeypatch.setattr("loop.gate.eight_bits.can_quantise", lambda: False)

    rooms, version, _ = export(error=AssertionError("it was tried"))

    assert rooms.registry.exports.of(version).measured["int8"] == {"admitted": False, "reason": NOT_INSTALLED}


def test_without_training_images_8_bits_are_not_tried(export, snapshot):
    for image in (snapshot.folder / "images" / "train").iterdir():
        image.unlink()

    rooms, version, _ = export(error=AssertionError("it was tried"))

    assert "no training images" in rooms.registry.exports.of(version).measured["int8"]["reason"]


def test_a_version_that_begins_to_serve_meanwhile_goes_on_by_its_trained_weights(rooms, export):
    def quantise(detectors, exported, images, out, image_size):
        out.write_bytes(b"narrow " + NEW)
        rooms.registry.versions.promote(1, rooms.registry.versions.list(1)[-1].name, "meanwhile")

    ready, version, evaluated = export(quantise=quantise)

    assert evaluated is GOOD
    assert ready.registry.served_file(version) == version.weights
    assert "it began to serve by its trained weights" in ready.registry.exports.of(version).reason


def judge(narrow):
    return rule_on_8_bits(contrast(MANY, narrow, latency=Latency(10.0, 5.0)), GatePolicy())


def test_a_small_loss_passes_and_a_larger_one_does_not():
    small, large = harm(MANY, 0.002, seed=1), harm(MANY, 0.02, seed=1)

    assert judge(small).outcome is GateOutcome.PROMOTED
    ruling = judge(large)
    assert ruling.outcome is GateOutcome.REFUSED
    assert "it may be worse" in ruling.reason


def test_a_class_that_is_lost_refuses_an_export_in_8_bits():

    assert f"class {MANY.class_names[0]} falls" in judge(harm(MANY, 1.0, seed=1, of_class=0)).reason
