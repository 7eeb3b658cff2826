"""Weights that many tests of detectors load."""

import pytest

from tests.vision.builders import write_detector


@pytest.fixture(scope="package")
def weights(tmp_path_factory):
    """Return the file of a small detector."""
    return write_detector(tmp_path_factory.mktemp("weights") / "tiny.pt")
