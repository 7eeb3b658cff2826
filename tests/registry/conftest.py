"""Weights to register, and a candidate beside two versions that served."""

import pytest


@pytest.fixture
def weights(tmp_path):
    """Writes a file of weights, of any bytes."""

    def write(content=b"weights"):
        path = tmp_path / "some.pt"
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def third(rooms, weights):
    """A candidate that never served."""
    return rooms.registry.versions.add(1, weights(b"third")).name
