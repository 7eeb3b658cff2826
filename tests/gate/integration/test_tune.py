"""`loop tune` measures real detectors in processes of their own, and what it records is read by this machine."""

import json
from contextlib import closing

import pytest

from loop.errors import WeightsRefused
from loop.gate import tune as tuning
from loop.vision.cpu.speed import measure
from loop.vision.cpu.tuning import Tuning, read_tuning
from loop.wiring import build
from tests.vision.builders import SIDE, write_detector


@pytest.mark.long
def test_the_choice_is_recorded_and_the_detectors_of_this_machine_have_it(settings, tmp_path, monkeypatch):
    weights = write_detector(tmp_path / "tiny.pt")
    ready = settings.model_copy(update={"base_weights": str(weights), "device": "cpu", "image_size": SIDE})
    monkeypatch.setattr(tuning, "ROUNDS", 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")

    with closing(build(ready, migrate=True)) as rooms:
        tuned = tuning.tune(rooms.gate, None, ready.home)

    ways = [(variant.runtime, variant.tuning.at_once) for variant in tuned.variants]
    assert ways == [("torch", 1), ("OpenVINO", 1), ("OpenVINO", 2)]
    assert tuned.image_size == SIDE
    assert all(variant.speed.images_s > 0 and variant.speed.memory_mb > 50 for variant in tuned.variants)
    assert read_tuning(ready.home) == tuned.chosen.tuning
    assert list(json.loads(tuned.file.read_text())) == [tuned.machine]


def test_a_file_that_does_not_detect_is_a_problem_with_its_reason(tmp_path):
    (tmp_path / "half.openvino").write_bytes(b"PK")

    with pytest.raises(WeightsRefused, match="exported detector that detects nothing here"):
        measure(tmp_path / "half.openvino", [], SIDE, Tuning(1, 1))
