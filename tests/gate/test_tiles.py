"""The gate measures versions that were trained in tiles on whole images."""

from dataclasses import replace

from loop.gate.compare import compare
from loop.gate.eight_bits import try_8_bits
from loop.registry.store import VersionFacts
from loop.vision.tiling.tiles import Framing, Tiling
from tests.gate.builders import BAD, GOOD, NEW, OLD
from tests.gate.fakes import EvaluatedDetectors
from tests.swap import swap

TILED = Framing(320, Tiling(640, 128))


class NotingDetectors(EvaluatedDetectors):
    """Detectors that note in which framing they are measured, and on which images an export is calibrated."""

    tries_8_bits = True

    def __init__(self, evaluations):
        super().__init__(evaluations)
        self.evaluated, self.timed, self.calibrated = [], [], []

    def evaluate(self, weights, data, framing, *labels):
        self.evaluated.append(framing)
        return super().evaluate(weights, data, framing)

    def latencies(self, weights, images):
        self.timed.append([framing for _, framing in weights])
        return super().latencies(weights, images)

    def quantise(self, exported, images, out, image_size):
        self.calibrated += images
        out.write_bytes(NEW)


def add(rooms, folder, weights, **training):
    (folder / "weights.pt").write_bytes(weights)
    return rooms.registry.versions.add(1, folder / "weights.pt", VersionFacts(training=training))


def noting(rooms, evaluations):
    detectors = NotingDetectors(evaluations)
    return swap(rooms, (rooms.registry.detectors, detectors), (rooms.gate.evaluator, detectors)), detectors


def test_each_version_is_measured_as_it_serves_and_both_are_timed_with_the_tiles_of_the_candidate(
    rooms, snapshot, tmp_path
):
    rooms, detectors = noting(rooms, {OLD: BAD, NEW: GOOD})
    whole = add(rooms, tmp_path, OLD, image_size=96)
    tiled = add(rooms, tmp_path, NEW, image_size=320, tiling=TILED.tiling.as_json())

    compare(rooms.gate, 1, whole.name, tiled.name)
    compare(rooms.gate, 1, tiled.name, whole.name)

    assert detectors.evaluated == [TILED, Framing(96), Framing(96), TILED]
    assert detectors.timed == [[Framing(96, TILED.tiling), TILED], [Framing(320), Framing(96)]]


def test_an_export_in_8_bits_is_calibrated_on_tiles(rooms, snapshot, tmp_path, monkeypatch):
    monkeypatch.setattr("loop.gate.eight_bits.can_quantise", lambda: True)
    rooms, detectors = noting(rooms, {OLD: BAD, NEW: GOOD})
    version = add(rooms, tmp_path, OLD, tiling=TILED.tiling.as_json())
    tile = snapshot.folder / "tiles" / "images" / "train" / "task-00000001-00000-00000.bmp"
    tile.parent.mkdir(parents=True)
    tile.touch()
    (tmp_path / "exported.openvino").write_bytes(OLD)

    try_8_bits(rooms.gate, version, replace(snapshot, tiling=TILED.tiling), tmp_path / "exported.openvino", GOOD)

    assert detectors.calibrated == [tile]
