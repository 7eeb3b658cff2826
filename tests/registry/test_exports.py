"""The exported form of a version: made once, checked at each load, and left where it does not work."""

import logging
import shutil
from contextlib import closing
from datetime import timedelta

import pytest

from loop.errors import WeightsRefused
from loop.installation import checks_model
from loop.installation.findings import Level
from loop.registry.detectors import Detectors
from loop.registry.export import Parity, export_once
from loop.registry.export_store import ExportStore
from loop.settings import Settings
from loop.vision.cpu.openvino_detector import OpenVinoDetector
from loop.vision.ultralytics_detector import UltralyticsDetector
from loop.wiring import build
from tests.builders import CONFIG
from tests.swap import swap
from tests.vision.builders import SIDE, write_detector


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_detector(tmp_path_factory.mktemp("weights") / "tiny.pt")


@pytest.fixture(scope="module")
def exported(weights, tmp_path_factory):
    out = tmp_path_factory.mktemp("exported") / "tiny.openvino"
    Detectors("cpu", SIDE, "", out.parent).export(weights, out)
    return out


class Exporting(Detectors):
    """Real detectors, whose export takes no time, or fails with an error."""

    def __init__(self, exported, device="cpu", error=None):
        super().__init__(device, SIDE, "", exported.parent)
        self._exported, self._error, self.exports = exported, error, 0

    def export(self, weights, out):
        self.exports += 1
        if self._error:
            raise self._error
        out.write_bytes(self._exported.read_bytes())


@pytest.fixture
def ready(rooms, exported):
    return swap(rooms, (rooms.registry.detectors, Exporting(exported)))


def served(rooms, version):
    return type(rooms.registry.load(version).detector)


def test_a_version_is_exported_once_and_its_export_serves(ready, weights):
    version = ready.registry.versions.add(1, weights)
    assert served(ready, version) is UltralyticsDetector  # a version of earlier times has no export

    first = export_once(ready.registry, version, lambda file: Parity(measured={"exported": 0.5}))
    again = export_once(ready.registry, version)

    assert first == again == ready.registry.exports.of(version)
    assert (first.runtime, first.measured) == ("OpenVINO", {"exported": 0.5})
    assert ready.registry.detectors.exports == 1
    assert served(ready, version) is OpenVinoDetector
    assert ready.registry.load(version).runtime == "OpenVINO"


def test_all_who_hold_an_export_share_one_detector(ready, weights):
    version = ready.registry.versions.add(1, weights)
    export_once(ready.registry, version)

    assert ready.registry.load(version).detector is ready.registry.load(version).detector


@pytest.mark.parametrize("objection", ["worse", "broken"])
def test_a_refused_export_is_recorded_and_the_trained_weights_serve(ready, weights, exported, objection, caplog):
    broken = swap(
        ready,
        (ready.registry.detectors, Exporting(exported, error=WeightsRefused("it", "an unknown layer", "no advice"))),
    )
    rooms = ready if objection == "worse" else broken
    version = rooms.registry.versions.add(1, weights)

    refused = export_once(rooms.registry, version, lambda file: Parity("its mAP50-95 is lower", {"exported": 0.1}))

    assert refused.file is None
    assert refused.reason == ("its mAP50-95 is lower" if objection == "worse" else "an unknown layer")
    assert f"{version.name}: its trained weights serve" in caplog.text
    assert served(rooms, version) is UltralyticsDetector
    assert [path.suffix for path in version.weights.parent.iterdir()] == [".pt"]


@pytest.mark.parametrize("act", ["removed", "damaged"])
def test_an_export_that_is_not_the_registered_file_is_reported_and_the_trained_weights_serve(
    ready, weights, act, caplog
):
    version = ready.registry.versions.add(1, weights)
    file = export_once(ready.registry, version).file
    file.unlink() if act == "removed" else file.write_bytes(file.read_bytes()[:-1] + b"?")

    assert served(ready, version) is UltralyticsDetector
    assert ready.registry.load(version).runtime == "torch"
    (record, *_) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "its trained weights serve in place of its export" in record.getMessage()


@pytest.mark.parametrize("stored", ["damaged", "removed", "out of reach"])
@pytest.mark.parametrize("act", ["removed", "damaged"])
def test_trained_weights_serve_where_the_store_has_no_sound_export_either(
    settings, weights, exported, tmp_path, act, stored, caplog
):
    shared = Settings.read({**settings.environment(), "LOOP_STORE": f"file://{tmp_path}/store"})
    with closing(build(shared, migrate=True)) as built:
        built.trainings.files.write_mark("ours")
        built.studio.projects.save(1, "Cars", CONFIG)
        rooms = swap(built, (built.registry.detectors, Exporting(exported)))
        version = rooms.registry.versions.add(1, weights)
        file = export_once(rooms.registry, version).file
        hurt(act, file)
        hurt(stored, tmp_path / "store" / file.relative_to(shared.home))

        assert served(rooms, version) is UltralyticsDetector

    assert "its trained weights serve in place of its export" in caplog.text


def hurt(act, file):
    if act == "removed":
        file.unlink()
    elif act == "damaged":
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    else:
        shutil.rmtree(file.parent)
        file.parent.write_text("no folder")


def test_an_export_that_this_machine_cannot_run_is_reported_and_the_trained_weights_serve(
    ready, weights, tmp_path, caplog
):
    foreign = tmp_path / "foreign.openvino"
    foreign.write_bytes(b"made by a library of tomorrow")
    version = ready.registry.versions.add(1, weights)
    ready.registry.exports.add(version, "OpenVINO", foreign, {})

    assert served(ready, version) is UltralyticsDetector
    assert "detects nothing here" in caplog.text


def test_on_a_gpu_nothing_is_exported_and_no_export_is_used(ready, weights, exported):
    version, other = ready.registry.versions.add(1, weights), ready.registry.versions.add(1, weights)
    export_once(ready.registry, version)
    gpu = swap(ready, (ready.registry.detectors, Exporting(exported, device="cuda:0")))

    assert gpu.registry.served_file(version) == version.weights
    assert export_once(gpu.registry, other) is None
    assert gpu.registry.exports.of(other) is None


def test_the_files_of_exports_are_not_tidied_away(ready, weights, monkeypatch):
    version = ready.registry.versions.add(1, weights)
    file = export_once(ready.registry, version).file
    left = file.with_name("left.tmp")
    left.write_bytes(b"half")
    monkeypatch.setattr("loop.registry.weights_files.ABANDONED", timedelta(seconds=-1))

    assert ready.registry.tidy(1) == 1

    assert (file.exists(), version.weights.exists(), left.exists()) == (True, True, False)


def test_the_doctor_says_what_runs_and_why(ready, weights):
    version = ready.registry.versions.add(1, weights)
    ready.registry.versions.promote(1, version.name, "first")

    def check():
        (finding,) = checks_model.detector(ready.installation, ready.studio.projects.get(1))
        return finding.level, finding.found, finding.advice

    before = check()
    file = export_once(ready.registry, version).file
    exported = check()
    file.unlink()
    lost = check()

    assert before[:2] == (Level.OK, f"{version.name} detects by torch")
    assert exported[:2] == (Level.OK, f"{version.name} detects by OpenVINO")
    assert lost[:2] == (
        Level.WARNING,
        f"{version.name} detects by torch, because its export is missing, damaged or does not run here",
    )
    assert f"restore {file}" in lost[2]


def test_the_doctor_names_the_reason_of_a_refused_export(ready, weights):
    version = ready.registry.versions.add(1, weights)
    ready.registry.versions.promote(1, version.name, "first")
    export_once(ready.registry, version, lambda file: Parity("its mAP50-95 is lower"))

    (finding,) = checks_model.detector(ready.installation, ready.studio.projects.get(1))

    assert finding.level == Level.OK
    assert finding.found.endswith("detects by torch: its export for OpenVINO was refused: its mAP50-95 is lower")


def test_an_export_that_does_not_run_here_is_not_what_the_gate_measures(ready, weights, tmp_path):
    foreign = tmp_path / "foreign.openvino"
    foreign.write_bytes(b"made by a library of tomorrow")
    version = ready.registry.versions.add(1, weights)
    ready.registry.exports.add(version, "OpenVINO", foreign, {})

    assert ready.registry.served_file(version) == version.weights


class Late(ExportStore):
    """Looks for the first time before another process writes."""

    looks = 0

    def of(self, version):
        self.looks += 1
        return super().of(version) if self.looks > 1 else None


def test_of_two_processes_that_export_at_once_the_first_one_stays(ready, weights, exported):
    version = ready.registry.versions.add(1, weights)
    first = ready.registry.exports.add(version, "OpenVINO", exported, {"exported": 0.5})

    second = Late(ready.engine, ready.registry.versions.files).refuse(version, "OpenVINO", "it is slower")

    assert second == first
