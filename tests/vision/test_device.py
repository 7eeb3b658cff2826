"""The device of the settings."""

import pytest

from loop.errors import PayloadError
from loop.vision.ultralytics_weights import check_device, first_device


@pytest.mark.parametrize("devices", ["97", "0,97", "0,0", "0,cpu", "cpu,cpu", "0,", ","])
def test_devices_that_this_machine_lacks_are_refused_by_name_before_a_training_starts(devices):
    with pytest.raises(
        PayloadError, match=rf"LOOP_DEVICE: expected cpu, a GPU that torch sees here .* found {devices}"
    ):
        check_device(devices)


@pytest.mark.parametrize(("devices", "first"), [("", ""), ("cpu", "cpu"), ("1", "1"), ("1,0", "1")])
def test_the_first_of_several_devices_serves(devices, first):
    assert first_device(devices) == first
