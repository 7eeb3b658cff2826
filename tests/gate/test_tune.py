"""Of the measured ways to detect, the fastest of the form that serves is chosen."""

import pytest

from loop.errors import WeightsRefused
from loop.gate.tune import Variant, choose, tune
from loop.vision.cpu.speed import Speed, combine
from loop.vision.cpu.tuning import Tuning
from tests.fakes import FakeDetectors
from tests.swap import swap


def variant(runtime, at_once, images_s):
    return Variant(runtime, Tuning(at_once, 4), images_s and Speed(10.0, images_s, 100.0), "" if images_s else "broken")


def test_of_nearly_equal_speeds_the_fewest_images_at_once_are_chosen():
    variants = [variant("torch", 1, 99.0), *(variant("OpenVINO", n, s) for n, s in ((1, 10.0), (2, 18.5), (4, 20.0)))]

    assert choose(variants) == variants[2]


def test_the_form_that_serves_is_chosen_and_a_variant_that_failed_is_not():
    variants = [variant("OpenVINO", 1, 50.0), variant("OpenVINO INT8", 1, 20.0), variant("OpenVINO INT8", 2, None)]

    assert choose(variants) == variants[1]


def test_where_no_export_runs_the_problems_are_named():
    with pytest.raises(WeightsRefused, match="OpenVINO: broken"):
        choose([variant("torch", 1, 50.0), variant("OpenVINO", 1, None)])


def test_weights_that_cannot_be_exported_are_refused_with_the_reason_before_anything_is_measured(rooms, tmp_path):
    class Unexportable(FakeDetectors):
        serves_exports, device = True, "cpu"

        def serving_size(self, image_size):
            return image_size

        def base(self):
            return tmp_path / "start.pt"

        def export(self, weights, out):
            raise WeightsRefused("the network", "a network with a layer of its own", "")

    ready = swap(rooms, (rooms.registry.detectors, Unexportable()))

    with pytest.raises(WeightsRefused, match="a layer of its own"):
        tune(ready.gate, None, tmp_path)


def test_rounds_are_combined_by_their_medians():
    assert combine([Speed(1.0, 30.0, 7.0), Speed(3.0, 10.0, 9.0), Speed(2.0, 20.0, 8.0)]) == Speed(2.0, 20.0, 8.0)
