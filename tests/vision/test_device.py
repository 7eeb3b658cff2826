"""The device of the settings."""

import pytest

from loop.errors import PayloadError
from loop.vision.ultralytics_weights import check_device


def test_several_devices_are_refused_by_name_before_a_training_starts():
    with pytest.raises(PayloadError, match=r"LOOP_DEVICE: expected one device: .* found 0,1"):
        check_device("0,1")
